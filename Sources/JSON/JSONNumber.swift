/// A JSON number: integers that fit in 64 bits are kept exactly, everything else as the nearest double.
public enum JSONNumber: Sendable, Equatable {
  /// A number written without fraction or exponent that fits in 64 bits.
  case integer(Int)
  /// Any other number.
  case double(Double)

  /// The number as an integer, if it is one exactly.
  public var intValue: Int? {
    switch self {
    case .integer(let value): value
    case .double(let value): Int(exactly: value)
    }
  }

  /// The number as the nearest double.
  public var doubleValue: Double {
    switch self {
    case .integer(let value): Double(value)
    case .double(let value): value
    }
  }

  /// Equal as numbers: `1` is `1.0`.
  public static func == (left: JSONNumber, right: JSONNumber) -> Bool {
    if case .integer(let a) = left, case .integer(let b) = right { return a == b }
    if let a = left.intValue, let b = right.intValue { return a == b }
    return left.doubleValue == right.doubleValue
  }
}
