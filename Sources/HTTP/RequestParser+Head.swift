/// What a complete head means: RFC 9112 sections 3.2, 6 and 9, and RFC 9110 sections 7.2 and 10.1.1.
extension RequestParser {
  enum Framing: Equatable {
    case none
    case fixed(Int)
    case chunked
  }

  struct Meaning {
    var method = Method.unknown
    var path = 0..<0
    var query = 0..<0
    var framing = Framing.none
    var keepsAlive = false
    var expectsContinue = false
    var acceptsGzip = false
    var contentCoding: Inflater.Coding?
    var requestID: Range<Int>?
    var hasForwarding = false
  }

  /// The fields that this parser acts upon.
  private struct Semantics {
    var host: Range<Int>?
    var contentLength: Range<Int>?
    var transferEncoding: Range<Int>?
    var contentEncoding: Range<Int>?
    var acceptsGzip = false
    var requestID: Range<Int>?
    var hasForwarding = false
    var hasClose = false
    var hasKeepAlive = false
    var expectsContinue = false
    /// A bit for each of `singleFields` that is there.
    var singles: UInt32 = 0
  }

  func interpretHead() -> Result<Meaning, Refusal> {
    do throws(Refusal) {
      var meaning = Meaning()
      meaning.method = Method(head[methodStart..<methodEnd])
      try interpretTarget(&meaning)
      let semantics = try collectSemantics()
      if let host = semantics.host {
        if !Authority.isValid(head[host]) { throw .badHost }
      } else if minorVersion == 1 {
        throw .missingHost
      }
      meaning.framing = try framing(semantics)
      meaning.contentCoding = try contentCoding(semantics)
      meaning.acceptsGzip = semantics.acceptsGzip
      meaning.requestID = semantics.requestID
      meaning.hasForwarding = semantics.hasForwarding
      meaning.keepsAlive =
        !semantics.hasClose && (minorVersion == 1 || semantics.hasKeepAlive)
      // RFC 9110 section 10.1.1: the expectation is ignored in HTTP/1.0.
      meaning.expectsContinue = semantics.expectsContinue && minorVersion == 1
      return .success(meaning)
    } catch {
      return .failure(error)
    }
  }

  // MARK: - Target

  private func interpretTarget(_ meaning: inout Meaning) throws(Refusal) {
    var start = methodEnd + 1
    let target = head[start..<targetEnd]
    if !Authority.hasGoodPercents(target) { throw .badTarget }
    switch target.first {
    case UInt8(ascii: "/"):
      if meaning.method == .connect { throw .badTarget }
    case UInt8(ascii: "*"):
      if target.count != 1 || meaning.method != .options { throw .badTarget }
    default:
      if meaning.method == .connect {
        // `authority-form` has a port (RFC 9110 section 9.3.6).
        if !Authority.isValid(target, needsPort: true) { throw .badTarget }
      } else {
        start = try pathOfAbsoluteForm(target)
      }
    }
    let rest = head[start..<targetEnd]
    let mark = rest.firstIndex(of: UInt8(ascii: "?")) ?? targetEnd
    if head[start..<mark].contains(where: { $0 == UInt8(ascii: "[") || $0 == UInt8(ascii: "]") })
      && meaning.method != .connect
    {
      throw .badTarget
    }
    meaning.path = start..<mark
    meaning.query = min(mark + 1, targetEnd)..<targetEnd
  }

  /// `absolute-form` (RFC 9112 section 3.2.2): scheme, authority, then a path or nothing.
  private func pathOfAbsoluteForm(_ target: ArraySlice<UInt8>) throws(Refusal) -> Int {
    let lowered = target.prefix(8).map(\.lowercased)
    let schemeCount: Int
    if lowered.starts(with: "http://".utf8) {
      schemeCount = 7
    } else if lowered.starts(with: "https://".utf8) {
      schemeCount = 8
    } else {
      throw .badTarget
    }
    let authorityStart = target.startIndex + schemeCount
    let authority = target[authorityStart...].prefix {
      $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "?")
    }
    // A user name in the authority is an error (RFC 9110 section 4.2.4); '@' is no host byte.
    if !Authority.isValid(authority) { throw .badTarget }
    return authority.endIndex
  }

  // MARK: - Fields

  private func collectSemantics() throws(Refusal) -> Semantics {
    var found = Semantics()
    for field in fields {
      switch field.nameEnd - field.nameStart {
      case 4 where isNamed(field, "host"):
        if found.host != nil { throw .repeatedHost }
        found.host = field.value
      case 6 where isNamed(field, "expect"):
        if !isEqual(field.value, "100-continue") { throw .unknownExpectation }
        found.expectsContinue = true
      case 9 where isNamed(field, "forwarded"):
        found.hasForwarding = true
      case 10 where isNamed(field, "connection"):
        for option in head[field.value].split(separator: UInt8(ascii: ",")) {
          let range = trimmed(option.startIndex..<option.endIndex)
          if !head[range].allSatisfy({ ByteSet.token.contains($0) }) { throw .badConnection }
          if isEqual(range, "close") { found.hasClose = true }
          if isEqual(range, "keep-alive") { found.hasKeepAlive = true }
        }
      case 12 where isNamed(field, "x-request-id"):
        if found.requestID == nil && RequestID.isSane(head[field.value]) {
          found.requestID = field.value
        }
      case 14 where isNamed(field, "content-length"):
        if found.contentLength != nil { throw .repeatedContentLength }
        found.contentLength = field.value
      case 15 where isNamed(field, "accept-encoding"):
        // More than one line is a list cut in parts: any part may ask.
        if AcceptEncoding.prefersGzip(head[field.value]) { found.acceptsGzip = true }
      case 15 where isNamed(field, "x-forwarded-for"):
        found.hasForwarding = true
      case 16 where isNamed(field, "content-encoding"):
        if found.contentEncoding != nil { throw .unsupportedContentCoding }
        found.contentEncoding = field.value
      case 17 where isNamed(field, "transfer-encoding"):
        if found.transferEncoding != nil { throw .badTransferEncoding }
        found.transferEncoding = field.value
      case 17 where isNamed(field, "x-forwarded-proto"):
        found.hasForwarding = true
      default:
        guard let index = Self.singleFields.firstIndex(where: { isNamed(field, $0) }) else { break }
        if found.singles & 1 << UInt32(index) != 0 { throw .repeatedField }
        found.singles |= 1 << UInt32(index)
      }
    }
    return found
  }

  /// Fields that stand once and are not read here, but decide for whoever reads them what a request means or who sends it: of
  /// two, a proxy may have read the other. Those that are only written down (User-Agent, Referer) are not among them.
  private static let singleFields: [StaticString] = [
    "content-type", "authorization", "origin", "range", "content-range", "content-location",
    "proxy-authorization", "date", "from", "if-range", "if-modified-since", "if-unmodified-since",
    "max-forwards", "access-control-request-method",
    // Not of RFC 9110: where a body's JSON ends, and how long an answer may take.
    "inference-header-content-length", "x-request-timeout-ms",
  ]

  /// Where the message ends (RFC 9112 section 6.3). Any doubt is a refusal.
  private func framing(_ semantics: Semantics) throws(Refusal) -> Framing {
    if let coding = semantics.transferEncoding {
      if semantics.contentLength != nil { throw .contentLengthWithTransferEncoding }
      if minorVersion == 0 { throw .transferEncodingInHTTP10 }
      if isEqual(coding, "chunked") { return .chunked }
      let names = head[coding].split(
        separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
      var chunkedCount = 0
      for name in names {
        let range = trimmed(name.startIndex..<name.endIndex)
        if range.isEmpty || !head[range].allSatisfy({ ByteSet.token.contains($0) }) {
          throw .badTransferEncoding
        }
        if isEqual(range, "chunked") { chunkedCount += 1 }
      }
      if chunkedCount > 1 { throw .badTransferEncoding }
      throw .unsupportedTransferCoding
    }
    guard let length = semantics.contentLength else { return .none }
    if length.isEmpty { throw .badContentLength }
    var value = 0
    for byte in head[length] {
      guard (0x30...0x39).contains(byte) else { throw .badContentLength }
      // Saturates: whatever is longer than an Int is larger than any limit.
      value = value > (Int.max - 9) / 10 ? Int.max / 2 : value * 10 + Int(byte) - 0x30
    }
    return .fixed(value)
  }

  /// The coding of the body (RFC 9110 section 8.4); nil for none. One is undone, not a list.
  private func contentCoding(_ semantics: Semantics) throws(Refusal) -> Inflater.Coding? {
    guard let coding = semantics.contentEncoding else { return nil }
    if isEqual(coding, "gzip") || isEqual(coding, "x-gzip") { return .gzip }
    if isEqual(coding, "deflate") { return .deflate }
    if isEqual(coding, "identity") || coding.isEmpty { return nil }
    throw .unsupportedContentCoding
  }

  private func isNamed(_ field: FieldLine, _ name: StaticString) -> Bool {
    isEqual(field.name, name)
  }

  /// Compares without regard to case; `name` is in lower case.
  private func isEqual(_ range: Range<Int>, _ name: StaticString) -> Bool {
    if range.count != name.utf8CodeUnitCount { return false }
    for index in 0..<range.count
    where head[range.lowerBound + index].lowercased != name.utf8Start[index] {
      return false
    }
    return true
  }

  /// Without optional white space at either end (RFC 9110 section 5.6.3).
  private func trimmed(_ range: Range<Int>) -> Range<Int> {
    var start = range.lowerBound
    var end = range.upperBound
    while start < end, head[start] == 0x20 || head[start] == 0x09 { start += 1 }
    while end > start, head[end - 1] == 0x20 || head[end - 1] == 0x09 { end -= 1 }
    return start..<end
  }
}
