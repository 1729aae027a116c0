import Tensor

/// A random projection of the vector behind the head, for watching drift: a few numbers that keep distances about as they
/// were (Johnson and Lindenstrauss 1984; signs instead of normal values by Achlioptas 2003).
public struct EmbeddingSketch: Sendable {
  /// How many numbers there are.
  public static let dimension = 16
  /// One vector for each component of the input, with the sign that it has in each number.
  private let signs: [SIMD16<Float>]
  private let width: Int

  /// For vectors of `width` components; the same signs for the same width in every process.
  public init(width: Int) {
    self.width = width
    var state: UInt64 = 0x4D61_7274_6C65_7421
    var signs = [SIMD16<Float>](repeating: .zero, count: width)
    for number in 0..<Self.dimension {
      for index in 0..<width {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        signs[index][number] = state >> 63 == 0 ? 1 : -1
      }
    }
    self.signs = signs
  }

  /// The projection of one row.
  func callAsFunction(_ row: [Float]) -> [Float] {
    var sums = SIMD16<Float>.zero
    for (sign, value) in zip(signs, row) { sums += sign * value }
    sums *= 1 / Float(max(1, width)).squareRoot()
    return (0..<Self.dimension).map { sums[$0] }
  }
}
