import Charts
import Foundation
import Tensor
import Transformer

/// The pictures and tables of a study of positional encodings.
public struct PositionReport: Sendable {
  private let study: PositionStudy
  /// Every measurement.
  public let measurements: [PositionStudy.Measurement]
  /// Validation accuracy of each encoding on a data set of the user's, if one was given.
  public var dataSet: (name: String, accuracies: [(PositionalEncoding, Double)])?

  /// A report on `measurements` of `study`.
  public init(_ study: PositionStudy, _ measurements: [PositionStudy.Measurement]) {
    (self.study, self.measurements) = (study, measurements)
  }

  /// Mean accuracy over the trained lengths.
  public func accuracy(_ encoding: PositionalEncoding, _ task: OrderTask) -> Double {
    mean(
      measurements.filter { $0.encoding == encoding && $0.task == task && $0.isTrained })
  }

  private func mean(_ values: [PositionStudy.Measurement]) -> Double {
    values.isEmpty ? .nan : values.reduce(0) { $0 + $1.accuracy } / Double(values.count)
  }

  private func percent(_ share: Double) -> String { String(format: "%.1f", share * 100) }

  private var encodings: [PositionalEncoding] {
    PositionalEncoding.allCases.filter { e in measurements.contains { $0.encoding == e } }
  }

  private var tasks: [OrderTask] {
    OrderTask.allCases.filter { t in measurements.contains { $0.task == t } }
  }

  /// Accuracy by encoding and task at the trained lengths, with the chance of each task.
  public var summary: (header: [String], rows: [[String]]) {
    (
      ["encoding"] + tasks.map(\.rawValue),
      [["(chance)"] + tasks.map { percent(1 / Double($0.labels.count)) }]
        + encodings.map { encoding in
          [encoding.rawValue] + tasks.map { percent(accuracy(encoding, $0)) }
        }
    )
  }

  /// Accuracy by length; lengths beyond the trained ones in parentheses.
  public func lengths(_ task: OrderTask) -> (header: [String], rows: [[String]]) {
    let lengths = study.trainedLengths + study.longerLengths
    return (
      ["encoding"]
        + lengths.map { study.trainedLengths.contains($0) ? "\($0)" : "(\($0))" },
      encodings.map { encoding in
        [encoding.rawValue]
          + lengths.map { length in
            percent(
              mean(
                measurements.filter {
                  $0.encoding == encoding && $0.task == task && $0.length == length
                }))
          }
      }
    )
  }

  /// Accuracy by length, a line an encoding.
  public func lengthChart(_ task: OrderTask) -> LineChart {
    var chart = LineChart(
      title: "\(task.rawValue): \(task.question)", xLabel: "tokens", yLabel: "accuracy, %",
      series: encodings.map { encoding in
        .init(
          encoding.rawValue,
          measurements.filter { $0.encoding == encoding && $0.task == task }
            .map { (Double($0.length), $0.accuracy * 100) })
      })
    chart.markers = [
      .init(x: Double(study.trainedLengths.max() ?? 0), label: "longest trained")
    ]
    return chart
  }

  /// The sinusoids themselves: places down, columns across.
  public var table: HeatMap {
    let (places, width) = (48, study.width)
    let table = PositionalEncoding.sinusoids(positions: places, width: width)
    var map = HeatMap(
      title: "the sinusoidal encoding", xLabel: "column", yLabel: "place",
      columns: (0..<width).map(String.init), rows: (0..<places).map(String.init),
      values: (0..<places).map { row in table.row(row).map { Double($0) } })
    map.showsNumbers = false
    return map
  }

  /// How alike two places are by their distance: the cosine of sinusoids, the mean score that rotary
  /// leaves of equal vectors, the factor that ALiBi's first and last head leave of a weight.
  public var similarity: LineChart {
    let (distances, width) = (0..<48, study.width)
    let table = PositionalEncoding.sinusoids(positions: distances.count, width: width)
    func dot(_ a: Int, _ b: Int) -> Double {
      zip(table.row(a), table.row(b)).reduce(0) { $0 + Double($1.0) * Double($1.1) }
    }
    let size = width / 4
    let slopes = PositionalEncoding.distanceSlopes(heads: 4).map(Double.init)
    func line(_ name: String, _ value: (Int) -> Double) -> LineChart.Series {
      .init(name, distances.map { (Double($0), value($0)) })
    }
    return LineChart(
      title: "similarity by distance", xLabel: "tokens apart", yLabel: "similarity",
      series: [
        line("sinusoidal (cosine)") { dot(0, $0) / dot(0, 0) },
        line("rotary (mean score)") { distance in
          (0..<size / 2).reduce(0) {
            $0 + cos(Double(distance) * pow(10000, -Double(2 * $1) / Double(size)))
          } / Double(size / 2)
        },
        line("alibi, steepest head") { exp(-slopes[0] * Double($0)) },
        line("alibi, flattest head") { exp(-slopes[3] * Double($0)) },
      ])
  }

  /// The report as one page.
  public func html(command: String) -> String {
    var page = HTMLPage(title: "Positional encodings compared")
    page.paragraph(
      "Models of \(study.layers) layers and width \(study.width) are trained on texts of "
        + "\(study.trainedLengths.map(String.init).joined(separator: ", ")) tokens whose class only "
        + "the order of the tokens decides, and measured on fresh texts, also on longer ones.")
    page.code(command)
    page.heading("Accuracy at the trained lengths, %")
    page.table(summary.header, summary.rows)
    if let dataSet {
      page.heading("On \(dataSet.name)")
      page.table(
        ["encoding", "validation accuracy, %"],
        dataSet.accuracies.map { [$0.rawValue, percent($1)] })
    }
    for task in tasks {
      page.heading("\(task.rawValue): \(task.question)")
      page.figure(lengthChart(task).svg)
      let table = lengths(task)
      page.table(table.header, table.rows)
    }
    page.heading("What the encodings look like")
    page.figure(self.table.svg)
    page.figure(similarity.svg)
    return page.document
  }

  /// The tables as Markdown.
  public var markdown: String {
    func table(_ t: (header: [String], rows: [[String]])) -> String {
      ([t.header, t.header.map { _ in "---" }] + t.rows)
        .map { "| " + $0.joined(separator: " | ") + " |" }.joined(separator: "\n")
    }
    var text = "# Positional encodings compared\n\nAccuracy at the trained lengths, %:\n\n"
    text += table(summary) + "\n"
    if let dataSet {
      text += "\nValidation accuracy on \(dataSet.name), %: "
      text +=
        dataSet.accuracies.map { "\($0.rawValue) \(percent($1))" }.joined(separator: ", ") + "\n"
    }
    for task in tasks {
      text += "\n## \(task.rawValue): \(task.question)\n\n\(table(lengths(task)))\n"
    }
    return text
  }
}
