/// A set of ASCII characters, asked one byte at a time.
struct ByteSet: Sendable {
  private var low: UInt64 = 0
  private var high: UInt64 = 0

  init(_ members: String) {
    for byte in members.utf8 {
      precondition(byte < 128, "a byte set holds ASCII only")
      if byte < 64 { low |= 1 << UInt64(byte) } else { high |= 1 << UInt64(byte - 64) }
    }
  }

  @inline(__always)
  func contains(_ byte: UInt8) -> Bool {
    let word = byte < 64 ? low : high
    return byte < 128 && (word >> UInt64(byte & 63)) & 1 == 1
  }

  private static let alphanumerics =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

  /// `tchar` of RFC 9110 section 5.6.2.
  static let token = ByteSet(alphanumerics + "!#$%&'*+-.^_`|~")
  /// What may stand in a request target: `pchar`, `/` and `?` of RFC 3986, and `[` `]` for an
  /// IPv6 authority. A `%` must be followed by two hexadecimal digits, which is checked apart.
  static let target = ByteSet(alphanumerics + "-._~!$&'()*+,;=:@/?%[]")
  /// `reg-name` of RFC 3986 section 3.2.2. A `%` must be followed by two hexadecimal digits, which is checked apart.
  static let host = ByteSet(alphanumerics + "-._~!$&'()*+,;=%")
  /// What a request id taken from a client may hold.
  static let requestID = ByteSet(alphanumerics + "-_.:")
}

extension UInt8 {
  /// A byte of `field-content` or white space within (RFC 9110 section 5.5); no control characters.
  @inline(__always)
  var isFieldValue: Bool { self >= 0x20 ? self != 0x7F : self == 0x09 }

  /// The value of a hexadecimal digit.
  @inline(__always)
  var hexDigit: Int? {
    switch self {
    case 0x30...0x39: Int(self) - 0x30
    case 0x41...0x46: Int(self) - 0x41 + 10
    case 0x61...0x66: Int(self) - 0x61 + 10
    default: nil
    }
  }

  /// The lower-case letter of an upper-case ASCII letter, else the byte itself.
  @inline(__always)
  var lowercased: UInt8 { self >= 0x41 && self <= 0x5A ? self | 0x20 : self }
}
