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
    switch (left, right) {
    case (.integer(let a), .integer(let b)): a == b
    case (.double(let a), .double(let b)): a == b
    // Exactly, because a double beyond 2^53 stands for many integers.
    case (.integer(let a), .double(let b)), (.double(let b), .integer(let a)): Int(exactly: b) == a
    }
  }
}
