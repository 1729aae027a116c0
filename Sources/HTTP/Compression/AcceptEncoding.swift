/// What `Accept-Encoding` says of gzip (RFC 9110 section 12.5.3).
enum AcceptEncoding {
  /// Whether gzip is at least as welcome as the body as it is.
  ///
  /// A member that is malformed is skipped: the body as it is is always good.
  static func prefersGzip(_ value: ArraySlice<UInt8>) -> Bool {
    var gzip: Int?
    var identity: Int?
    var any: Int?
    for member in value.split(separator: UInt8(ascii: ",")) {
      let parts = member.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false)
      guard let name = parts.first.map(trimmed), let weight = weight(parts.dropFirst()) else {
        continue
      }
      if equal(name, "gzip") || equal(name, "x-gzip") {
        gzip = max(gzip ?? 0, weight)
      } else if equal(name, "identity") {
        identity = weight
      } else if equal(name, "*") {
        any = weight
      }
    }
    let wanted = gzip ?? any ?? 0
    return wanted > 0 && wanted >= identity ?? 0
  }

  /// `weight = OWS ";" OWS "q=" qvalue` (RFC 9110 section 12.4.2) in thousandths; 1000 where there
  /// is none, nil if it is malformed.
  private static func weight(_ parameters: ArraySlice<ArraySlice<UInt8>>) -> Int? {
    guard let parameter = parameters.first else { return 1000 }
    let text = trimmed(parameter)
    guard parameters.count == 1, (3...7).contains(text.count),
      text[text.startIndex].lowercased == UInt8(ascii: "q"),
      text[text.startIndex + 1] == UInt8(ascii: "=")
    else { return nil }
    var digits = text.dropFirst(2)
    let whole = digits.removeFirst()
    guard whole == UInt8(ascii: "0") || whole == UInt8(ascii: "1") else { return nil }
    var weight = Int(whole - 0x30) * 1000
    if digits.isEmpty { return weight }
    guard digits.removeFirst() == UInt8(ascii: ".") else { return nil }
    var scale = 100
    for digit in digits {
      guard (0x30...0x39).contains(digit) else { return nil }
      weight += Int(digit - 0x30) * scale
      scale /= 10
    }
    return weight <= 1000 ? weight : nil
  }

  private static func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    var bytes = bytes
    while let first = bytes.first, first == 0x20 || first == 0x09 { bytes.removeFirst() }
    while let last = bytes.last, last == 0x20 || last == 0x09 { bytes.removeLast() }
    return bytes
  }

  private static func equal(_ bytes: ArraySlice<UInt8>, _ name: StaticString) -> Bool {
    bytes.count == name.utf8CodeUnitCount
      && zip(bytes, 0...).allSatisfy { $0.lowercased == name.utf8Start[$1] }
  }
}
