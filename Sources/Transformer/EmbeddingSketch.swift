import Tensor

/// A random projection of the vector behind the head, for watching drift: a few numbers that keep distances about as they
/// were (Johnson and Lindenstrauss 1984; signs instead of normal values by Achlioptas 2003).
public struct EmbeddingSketch: Sendable {
  /// How many numbers there are.
  public static let dimension = 16
  private let signs: [Float]
  private let width: Int

  /// For vectors of `width` components; the same signs for the same width in every process.
  public init(width: Int) {
    self.width = width
    var state: UInt64 = 0x4D61_7274_6C65_7421
    signs = (0..<width * Self.dimension).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state >> 63 == 0 ? 1 : -1
    }
  }

  /// The projection of one row.
  func callAsFunction(_ row: [Float]) -> [Float] {
    let scale = 1 / Float(max(1, width)).squareRoot()
    return (0..<Self.dimension).map { component in
      var sum: Float = 0
      let start = component * width
      for (index, value) in row.enumerated() { sum += signs[start + index] * value }
      return sum * scale
    }
  }
}
