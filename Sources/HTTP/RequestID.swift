/// Request ids: what ties an answer, its log line and later feedback together.
public enum RequestID {
  /// The client's `X-Request-Id`, if it has 1 to 128 characters of `A-Z a-z 0-9 - _ . :`.
  static func taken(from request: Request) -> String? {
    guard let bytes = request.fieldBytes("x-request-id"), isSane(bytes) else { return nil }
    return String(decoding: bytes, as: UTF8.self)
  }

  static func isSane(_ bytes: ArraySlice<UInt8>) -> Bool {
    !bytes.isEmpty && bytes.count <= 128 && bytes.allSatisfy { ByteSet.requestID.contains($0) }
  }

  /// Sixteen hexadecimal digits, random and different from one process to the next.
  public static func make() -> String {
    var value = UInt64.random(in: .min ... .max)
    return String(unsafeUninitializedCapacity: 16) { buffer in
      for index in stride(from: 15, through: 0, by: -1) {
        let digit = UInt8(value & 15)
        buffer[index] = digit < 10 ? 0x30 + digit : 0x61 + digit - 10
        value >>= 4
      }
      return 16
    }
  }
}
