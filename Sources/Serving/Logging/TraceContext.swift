import HTTP

/// The `traceparent` of a request (W3C Trace Context, section 3.2).
enum TraceContext {
  /// The value as it came, if it is valid: `00-TRACE-PARENT-FLAGS`, in lower-case hexadecimal digits, neither id all zeros.
  /// A later version than 00 may have more behind another dash.
  static func parent(of request: Request) -> String? {
    guard let bytes = request.fieldBytes("traceparent"), isValid(Array(bytes)) else { return nil }
    return String(decoding: bytes, as: UTF8.self)
  }

  static func isValid(_ bytes: [UInt8]) -> Bool {
    let dash = UInt8(ascii: "-")
    guard bytes.count >= 55, bytes.count <= 512, bytes[2] == dash, bytes[35] == dash,
      bytes[52] == dash
    else { return false }
    let (version, trace) = (bytes[0..<2], bytes[3..<35])
    let (parent, flags) = (bytes[36..<52], bytes[53..<55])
    func isHexadecimal(_ part: ArraySlice<UInt8>) -> Bool {
      part.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }
    guard [version, trace, parent, flags].allSatisfy(isHexadecimal) else { return false }
    let zero = UInt8(ascii: "0")
    guard trace.contains(where: { $0 != zero }), parent.contains(where: { $0 != zero }),
      !version.elementsEqual("ff".utf8)
    else { return false }
    if version.elementsEqual("00".utf8) { return bytes.count == 55 }
    let rest = bytes[55...]
    return rest.isEmpty || (rest.first == dash && rest.allSatisfy { $0 > 0x20 && $0 < 0x7F })
  }
}
