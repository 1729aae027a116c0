import Synchronization

/// What ties an answer, its log line and later feedback together.
///
/// Kept as a number or as a place in the head until somebody wants text, so that a request needs
/// no memory for it.
struct RequestID: Sendable, CustomStringConvertible {
  private enum Form: Sendable {
    case taken(ArraySlice<UInt8>)
    case made(UInt64)
  }

  private let form: Form

  /// Begins at a random place in each process: made at first use, which is after the fork.
  private static let counter = Atomic<UInt64>(UInt64.random(in: .min ... .max))

  /// The client's own, which must be sane.
  static func taken(_ bytes: ArraySlice<UInt8>) -> RequestID { RequestID(form: .taken(bytes)) }

  /// Whether an id has 1 to 128 characters of `A-Z a-z 0-9 - _ . :`.
  static func isSane(_ bytes: ArraySlice<UInt8>) -> Bool {
    !bytes.isEmpty && bytes.count <= 128 && bytes.allSatisfy { ByteSet.requestID.contains($0) }
  }

  /// Sixteen hexadecimal digits, different from one request and one process to the next. No secret:
  /// SplitMix64 (Steele, Lea, Flood 2014) over a random start, because a system call for each
  /// request was a twentieth of its cost.
  static func make() -> RequestID {
    let step: UInt64 = 0x9E37_79B9_7F4A_7C15
    var value = counter.wrappingAdd(step, ordering: .relaxed).newValue
    value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
    value ^= value >> 31
    return RequestID(form: .made(value))
  }

  /// Appends the text.
  func write(to output: inout [UInt8]) {
    switch form {
    case .taken(let bytes): output.append(contentsOf: bytes)
    case .made(var value):
      for _ in 0..<16 {
        let digit = UInt8(truncatingIfNeeded: value >> 60)
        output.append(digit < 10 ? 0x30 + digit : 0x61 + digit - 10)
        value <<= 4
      }
    }
  }

  var description: String {
    var bytes: [UInt8] = []
    write(to: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }
}
