/// Points that fill a cube evenly (Sobol, 1967), with the direction numbers of Joe and Kuo (2008).
public struct SobolSequence: Sendable {
  /// Most dimensions.
  public static let mostDimensions = 10

  /// Of each dimension behind the first: degree and coefficients of the primitive polynomial, and the
  /// first direction numbers.
  private static let table: [(coefficients: UInt32, start: [UInt32])] = [
    (0, [1]), (1, [1, 3]), (1, [1, 3, 1]), (2, [1, 1, 1]), (1, [1, 1, 3, 3]),
    (4, [1, 3, 5, 13]), (2, [1, 1, 5, 5, 17]), (4, [1, 1, 5, 5, 5]), (7, [1, 1, 7, 11, 19]),
  ]

  private let directions: [[UInt32]]
  private let shifts: [UInt32]
  private var state: [UInt32]
  private var index: UInt32 = 0

  /// A sequence in `dimensions` dimensions; with a seed, each is shifted digit by digit, so that seeds
  /// give different points of the same evenness.
  public init(dimensions: Int, seed: UInt64? = nil) {
    precondition((1...Self.mostDimensions).contains(dimensions), "from 1 to 10 dimensions")
    directions = (0..<dimensions).map { $0 == 0 ? Self.first : Self.numbers(Self.table[$0 - 1]) }
    var generator = SeededGenerator(seed: seed ?? 0)
    shifts = (0..<dimensions).map { _ in
      seed == nil ? 0 : UInt32(truncatingIfNeeded: generator.next())
    }
    state = [UInt32](repeating: 0, count: dimensions)
  }

  private static let first: [UInt32] = (0..<32).map { 1 << (31 - UInt32($0)) }

  private static func numbers(_ row: (coefficients: UInt32, start: [UInt32])) -> [UInt32] {
    let degree = row.start.count
    var v = row.start.enumerated().map { $1 << (31 - UInt32($0)) }
    for i in degree..<32 {
      var value = v[i - degree] ^ (v[i - degree] >> UInt32(degree))
      for k in 1..<max(degree, 1) where (row.coefficients >> UInt32(degree - 1 - k)) & 1 == 1 {
        value ^= v[i - k]
      }
      v.append(value)
    }
    return v
  }

  /// The next point, each coordinate from 0 to below 1; the first is the origin, shifted.
  public mutating func next() -> [Double] {
    defer {
      // Gray code: the place of the lowest zero bit says which direction changes.
      let bit = (~index).trailingZeroBitCount
      if bit < 32 { for d in state.indices { state[d] ^= directions[d][bit] } }
      index &+= 1
    }
    return zip(state, shifts).map { Double($0 ^ $1) / 4_294_967_296 }
  }
}
