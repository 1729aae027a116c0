import Foundation
import Tensor

/// How a token's place enters the encoder.
public enum PositionalEncoding: String, Sendable, CaseIterable {
  /// PE(pos, 2i) = sin(pos / 10000^(2i/d)), PE(pos, 2i+1) = cos(pos / 10000^(2i/d))
  /// (Vaswani et al., 2017, section 3.5).
  case sinusoidal
  /// A trained vector for each place.
  case learned
  /// Queries and keys turn by their places (Su et al., 2021).
  case rotary
  /// Attention scores fall with distance, in each head at its own rate (Press, Smith and Lewis,
  /// 2022), here to both sides.
  case alibi
  /// Nothing: the encoder then sees a bag of tokens. What the others are for can be measured.
  case none

  /// ALiBi's slopes for `heads` heads: 2^(−8·h / heads) for h from 1.
  public static func distanceSlopes(heads: Int) -> [Float] {
    (1...max(1, heads)).map { Float(pow(2, -8 * Double($0) / Double(heads))) }
  }

  /// The slopes of ALiBi's published code: those above where `heads` is a power of two; else those of the power
  /// below, and then every other one of the power above.
  static func publishedSlopes(heads: Int) -> [Float] {
    var power = 1
    while power * 2 <= heads { power *= 2 }
    let between = distanceSlopes(heads: 2 * power).enumerated().filter { $0.offset % 2 == 0 }
    return distanceSlopes(heads: power) + between.map(\.element).prefix(heads - power)
  }

  /// The sinusoidal table, [positions, width], by the formula above, in the order and with the angles of `layout`.
  public static func sinusoids(
    positions: Int, width: Int, layout: EmbeddingShape.Sinusoids = .neighbours
  ) -> Matrix {
    let table = Matrix(rows: positions, columns: width)
    let sines = layout == .spread ? width / 2 : (width + 1) / 2
    for column in 0..<width {
      let isSine = layout == .neighbours ? column % 2 == 0 : column < sines
      let pair = layout == .neighbours ? column / 2 : isSine ? column : column - sines
      if layout == .spread && pair >= sines { continue }
      let exponent =
        layout == .spread
        ? Double(pair) / Double(max(1, sines - 1)) : Double(2 * pair) / Double(width)
      for position in 0..<positions {
        let angle = Double(position) / pow(10000, exponent)
        table[position, column] = Float(isSine ? sin(angle) : cos(angle))
      }
    }
    return table
  }
}

/// The constant tables of places of both stacks.
struct ConstantPositions: Sendable {
  var encoder: Matrix?
  var decoder: Matrix?

  init() {}

  /// The tables of `shape`, one for both where they are alike.
  init(_ shape: ModelShape) {
    encoder = shape.embeddings.constantPositions
    guard let decoder = shape.decoder?.embeddings else { return }
    self.decoder = decoder == shape.embeddings ? encoder : decoder.constantPositions
  }
}

extension EmbeddingShape {
  /// The constant table of places, [places, width]; nil where it is learned or there is none.
  var constantPositions: Matrix? {
    guard positions == .sinusoidal else { return nil }
    let table = PositionalEncoding.sinusoids(
      positions: positionCount, width: width, layout: sinusoids)
    if sinusoids == .spread, positionOffset > 0, positionOffset <= table.rows {
      table.rowRange(positionOffset - 1..<positionOffset).zero()
    }
    return table
  }
}
