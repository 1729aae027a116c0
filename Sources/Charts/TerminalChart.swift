import Foundation

extension LineChart {
  /// The chart in letters, for a terminal: dots of Braille, two wide and four high in a letter; each
  /// line in a colour where `colors` is on.
  public func terminal(columns: Int = 72, rows: Int = 16, colors: Bool = false) -> String {
    let (x, y) = axes
    var dots = [[UInt32]](repeating: [UInt32](repeating: 0, count: columns), count: rows)
    var owners = [[Int]](repeating: [Int](repeating: 0, count: columns), count: rows)
    for (number, line) in series.enumerated() {
      var last: (Double, Double)?
      for point in line.points {
        guard let sx = x.share(point.x), let sy = y.share(point.y) else {
          last = nil
          continue
        }
        let here = (sx * Double(columns * 2 - 1), (1 - sy) * Double(rows * 4 - 1))
        let from = last ?? here
        let steps = max(1, Int(max(abs(here.0 - from.0), abs(here.1 - from.1)).rounded(.up)))
        for step in 0...steps {
          let share = Double(step) / Double(steps)
          let px = Int((from.0 + (here.0 - from.0) * share).rounded())
          let py = Int((from.1 + (here.1 - from.1) * share).rounded())
          guard (0..<columns * 2).contains(px), (0..<rows * 4).contains(py) else { continue }
          dots[py / 4][px / 2] |= Self.bits[py % 4][px % 2]
          owners[py / 4][px / 2] = number
        }
        last = here
      }
    }
    return frame(dots, owners, x, y, colors: colors)
  }

  private func frame(
    _ dots: [[UInt32]], _ owners: [[Int]], _ x: Axis, _ y: Axis, colors: Bool
  ) -> String {
    var lines = [title]
    let (rows, columns) = (dots.count, dots.first?.count ?? 0)
    for (row, line) in dots.enumerated() {
      let value =
        row == 0 ? y.high : row == rows - 1 ? y.low : row == rows / 2 ? middle(y, rows) : nil
      let label = value.map(Axis.label) ?? ""
      var text = String(repeating: " ", count: max(0, 9 - label.count)) + label + " ┤"
      for (column, bits) in line.enumerated() {
        let letter = Unicode.Scalar(0x2800 + bits).map { String(Character($0)) } ?? " "
        if bits == 0 {
          text += " "
        } else {
          text += colors ? "\u{1B}[\(31 + owners[row][column] % 6)m\(letter)\u{1B}[0m" : letter
        }
      }
      lines.append(text)
    }
    lines.append(String(repeating: " ", count: 10) + "└" + String(repeating: "─", count: columns))
    let (low, high) = (Axis.label(x.low), Axis.label(x.high))
    let gap = max(1, columns - low.count - high.count)
    lines.append(
      String(repeating: " ", count: 11) + low + String(repeating: " ", count: gap) + high)
    lines.append(String(repeating: " ", count: 11) + xLabel)
    if series.count > 1 {
      let names = series.enumerated().map { index, line in
        colors ? "\u{1B}[\(31 + index % 6)m■\u{1B}[0m \(line.name)" : line.name
      }
      lines.append(String(repeating: " ", count: 11) + names.joined(separator: "  "))
    }
    return lines.joined(separator: "\n")
  }

  private func middle(_ y: Axis, _ rows: Int) -> Double {
    let share = 1 - Double(rows / 2) / Double(max(1, rows - 1))
    return y.isLogarithmic ? y.low * pow(y.high / y.low, share) : y.low + (y.high - y.low) * share
  }

  /// Braille's dots by row and column (Unicode, block 2800).
  private static let bits: [[UInt32]] = [
    [0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80],
  ]
}
