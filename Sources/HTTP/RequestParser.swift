/// Reads requests from bytes, a few at a time.
///
/// A state machine over single bytes: every decision depends on the bytes so far and never on how
/// they were cut, so the verdict is the same for every cut. States are named after the grammar of
/// RFC 9112. It never waits, and it holds no more than `HTTPLimits` allows.
///
/// Feed it with `consume` until `state` is `complete` (then `makeRequest` and `reset`) or `refused`.
public struct RequestParser {
  /// What the next byte belongs to.
  public enum State: UInt8, Sendable {
    /// Before the request line; one empty line may stand here (RFC 9112 section 2.2).
    case start, emptyLineLF
    case method, requestTarget, httpVersion, requestLineLF
    case fieldLineStart, fieldName, fieldValueStart, fieldValue, fieldLineLF
    case headLF
    case fixedBody
    case chunkSizeLine, chunkData, chunkDataCR, chunkDataLF
    case trailerLineStart, trailerLine, trailerLineLF, trailersLF
    case complete
    case refused
  }

  /// Where the parser is.
  public private(set) var state = State.start
  /// Why the request was refused, once `state` is `refused`.
  public private(set) var refusal: Refusal?
  /// Whether the client waits for `100 Continue` before it sends the body.
  public private(set) var expectsContinue = false
  /// Whether the connection may carry another request after this one.
  public private(set) var keepsAlive = false
  /// Whether any byte of the request has arrived.
  public private(set) var hasBegun = false
  /// Whether the client takes an answer in gzip.
  public private(set) var acceptsGzip = false
  /// Bytes of body read so far, after chunked decoding and before inflating.
  public private(set) var bodyCount = 0
  /// Bytes of body held, after inflating.
  public var decodedCount: Int { body.count }

  private(set) var head: [UInt8] = []
  private(set) var fields: [FieldLine] = []
  private var body: [UInt8] = []
  private let limits: HTTPLimits

  private(set) var methodStart = 0
  private(set) var methodEnd = 0
  private(set) var targetEnd = 0
  /// 1 for HTTP/1.1 and what is later, 0 for HTTP/1.0; valid once the request line has been read.
  private(set) var minorVersion = 1
  private var isKnownVersion = true
  private(set) var method = Method.unknown
  private(set) var pathRange = 0..<0
  private(set) var queryRange = 0..<0
  /// The client's own id for the request, if it is sane.
  private(set) var requestIDRange: Range<Int>?
  /// Whether a field speaks of whom the peer speaks for.
  private(set) var hasForwarding = false
  private var lineStart = 0
  private var field = FieldLine(nameStart: 0, nameEnd: 0, valueStart: 0, valueEnd: 0)
  private var hasSkippedEmptyLine = false
  /// Bytes still to come of a fixed body or of a chunk.
  private var remaining = 0
  private var sizeLine = ChunkSizeLine()
  private var trailerCount = 0
  private var hasTrailerName = false
  /// Undoes the body's coding; nil where it has none.
  private var inflater: Inflater?

  /// A parser for one connection.
  public init(limits: HTTPLimits = HTTPLimits()) {
    self.limits = limits
    head.reserveCapacity(1024)
    fields.reserveCapacity(16)
  }

  /// Whether the request is known to be HEAD, so that no answer to it has a body: as soon as the method has been read.
  var isHead: Bool {
    methodEnd > methodStart && Method(head[methodStart..<methodEnd]) == .head
  }

  /// Whether the head is complete and the body is not.
  public var isReadingBody: Bool {
    state.rawValue >= State.fixedBody.rawValue && state.rawValue < State.complete.rawValue
  }

  /// Begins the next request, and keeps storage that nobody else holds unless it grew large.
  public mutating func reset() {
    state = .start
    refusal = nil
    expectsContinue = false
    keepsAlive = false
    acceptsGzip = false
    hasBegun = false
    hasSkippedEmptyLine = false
    head.removeAll(keepingCapacity: head.capacity <= 16384)
    fields.removeAll(keepingCapacity: true)
    body.removeAll(keepingCapacity: body.capacity <= 65536)
    methodStart = 0
    methodEnd = 0
    lineStart = 0
    remaining = 0
    sizeLine = ChunkSizeLine()
    trailerCount = 0
    bodyCount = 0
    inflater = nil
  }

  /// Reads bytes until they end, or the request is complete, or it is refused.
  /// - Returns: how many bytes were read; what follows belongs to the next request.
  public mutating func consume(_ bytes: UnsafeBufferPointer<UInt8>) -> Int {
    var position = 0
    while position < bytes.count && state != .complete && state != .refused {
      hasBegun = true
      let rest = UnsafeBufferPointer(rebasing: bytes[position...])
      if state.rawValue < State.fixedBody.rawValue {
        position += consumeHead(rest)
      } else {
        position += consumeBody(rest)
      }
    }
    return position
  }

  /// The same, for bytes in an array.
  public mutating func consume(_ bytes: [UInt8]) -> Int {
    bytes.withUnsafeBufferPointer { consume($0) }
  }

  private mutating func refuse(_ reason: Refusal) {
    state = .refused
    refusal = reason
  }

  // MARK: - Head

  /// Reads head bytes. All that were read are kept, so that fields are ranges into `head`.
  private mutating func consumeHead(_ bytes: UnsafeBufferPointer<UInt8>) -> Int {
    let base = head.count
    var position = 0
    scan: while position < bytes.count {
      let byte = bytes[position]
      let offset = base + position
      switch state {
      case .start, .emptyLineLF:
        startLine(byte, at: offset)
      case .method, .requestTarget, .httpVersion, .requestLineLF:
        requestLine(byte, at: offset)
      case .fieldValue where byte.isFieldValue:
        // The longest run of a head: looped over here, not through the switch.
        let longest = min(bytes.count, lineStart + limits.requestFieldSize - base)
        var end = position + 1
        while end < longest && bytes[end].isFieldValue { end += 1 }
        position = end - 1
        let size = base + end - lineStart
        if size > limits.requestFieldSize { refuse(.fieldTooLarge) }
        if base + end > limits.requestHead { refuse(.headTooLarge) }
      case .fieldLineStart, .fieldName, .fieldValueStart, .fieldValue, .fieldLineLF:
        fieldLine(byte, at: offset)
      default:
        if byte == UInt8(ascii: "\n") {
          position += 1
          head.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[..<position]))
          completeHead()
          return position
        }
        refuse(.badLineEnd)
      }
      if state == .refused { break scan }
      position += 1
    }
    head.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[..<position]))
    return position == bytes.count ? position : position + 1
  }

  private mutating func startLine(_ byte: UInt8, at offset: Int) {
    if state == .emptyLineLF {
      if byte != UInt8(ascii: "\n") { return refuse(.badLineEnd) }
      hasSkippedEmptyLine = true
      state = .start
    } else if byte == UInt8(ascii: "\r") && !hasSkippedEmptyLine {
      state = .emptyLineLF
    } else if byte == UInt8(ascii: "\r") || byte == UInt8(ascii: "\n") {
      refuse(.badLineEnd)
    } else {
      lineStart = offset
      methodStart = offset
      state = .method
      requestLine(byte, at: offset)
    }
  }

  private mutating func requestLine(_ byte: UInt8, at offset: Int) {
    if offset - lineStart >= limits.requestLine && byte != UInt8(ascii: "\r")
      && state != .requestLineLF
    {
      return refuse(.requestLineTooLong)
    }
    switch state {
    case .method:
      if byte == UInt8(ascii: " ") && offset > lineStart {
        methodEnd = offset
        state = .requestTarget
      } else if !ByteSet.token.contains(byte) {
        refuse(.badMethod)
      } else if offset - lineStart >= 32 {
        refuse(.methodTooLong)
      }
    case .requestTarget:
      if byte == UInt8(ascii: " ") && offset > methodEnd + 1 {
        targetEnd = offset
        state = .httpVersion
      } else if byte == UInt8(ascii: "\r") || byte == UInt8(ascii: "\n") {
        refuse(.badVersion)
      } else if !ByteSet.target.contains(byte) {
        refuse(.badTarget)
      }
    case .httpVersion:
      versionByte(byte, index: offset - targetEnd - 1)
    default:
      if byte != UInt8(ascii: "\n") { return refuse(.badLineEnd) }
      lineStart = offset + 1
      state = .fieldLineStart
    }
  }

  /// `HTTP-version = "HTTP/" DIGIT "." DIGIT`, followed by CR. A later minor version is read as the latest that is known here
  /// (RFC 9110 section 2.5).
  private mutating func versionByte(_ byte: UInt8, index: Int) {
    let pattern: StaticString = "HTTP/1.1"
    switch index {
    case 0...4, 6:
      if byte != pattern.utf8Start[index] { refuse(.badVersion) }
    case 5, 7:
      if !(0x30...0x39).contains(byte) { return refuse(.badVersion) }
      if index == 5 {
        isKnownVersion = byte == UInt8(ascii: "1")
      } else {
        minorVersion = byte == UInt8(ascii: "0") ? 0 : 1
      }
    default:
      if byte == UInt8(ascii: "\n") { return refuse(.badLineEnd) }
      if byte != UInt8(ascii: "\r") { return refuse(.badVersion) }
      if !isKnownVersion { return refuse(.unsupportedVersion) }
      state = .requestLineLF
    }
  }

  private mutating func fieldLine(_ byte: UInt8, at offset: Int) {
    if offset >= limits.requestHead { return refuse(.headTooLarge) }
    let isLineEnd = byte == UInt8(ascii: "\r") || byte == UInt8(ascii: "\n")
    if offset - lineStart >= limits.requestFieldSize && !isLineEnd {
      return refuse(.fieldTooLarge)
    }
    switch state {
    case .fieldLineStart:
      startFieldLine(byte, at: offset)
    case .fieldName:
      if byte == UInt8(ascii: ":") {
        field.nameEnd = Int32(offset)
        state = .fieldValueStart
      } else if byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") {
        refuse(.whitespaceBeforeColon)
      } else if !ByteSet.token.contains(byte) {
        refuse(.badFieldName)
      }
    case .fieldValueStart:
      field.valueStart = Int32(offset)
      if byte == UInt8(ascii: "\r") {
        state = .fieldLineLF
        field.valueEnd = Int32(offset)
      } else if byte != UInt8(ascii: " ") && byte != UInt8(ascii: "\t") {
        state = .fieldValue
        if !byte.isFieldValue { refuse(isLineEnd ? .badLineEnd : .badFieldValue) }
      }
    case .fieldValue:
      // Only what ends a value or may not stand in one comes here.
      field.valueEnd = Int32(offset)
      state = .fieldLineLF
      if byte != UInt8(ascii: "\r") { refuse(isLineEnd ? .badLineEnd : .badFieldValue) }
    default:
      if byte != UInt8(ascii: "\n") { return refuse(.badLineEnd) }
      fields.append(field)
      lineStart = offset + 1
      state = .fieldLineStart
    }
  }

  private mutating func startFieldLine(_ byte: UInt8, at offset: Int) {
    switch byte {
    case UInt8(ascii: "\r"): state = .headLF
    case UInt8(ascii: "\n"): refuse(.badLineEnd)
    case UInt8(ascii: " "), UInt8(ascii: "\t"): refuse(.obsoleteFold)
    case _ where !ByteSet.token.contains(byte): refuse(.badFieldName)
    case _ where fields.count >= limits.requestFields: refuse(.tooManyFields)
    default:
      field.nameStart = Int32(offset)
      state = .fieldName
    }
  }

  private mutating func completeHead() {
    trimFieldValues()
    switch interpretHead() {
    case .failure(let reason):
      refuse(reason)
    case .success(let meaning):
      keepsAlive = meaning.keepsAlive
      pathRange = meaning.path
      queryRange = meaning.query
      method = meaning.method
      acceptsGzip = meaning.acceptsGzip
      requestIDRange = meaning.requestID
      hasForwarding = meaning.hasForwarding
      if let coding = meaning.contentCoding, meaning.framing != .none, meaning.framing != .fixed(0)
      {
        inflater = Inflater(coding, limits: limits)
        if inflater == nil { return refuse(.unsupportedContentCoding) }
      }
      switch meaning.framing {
      case .none, .fixed(0):
        state = .complete
      case .fixed(let length):
        if length > limits.requestBody { return refuse(.bodyTooLarge) }
        body.reserveCapacity(min(length, 65536))
        remaining = length
        expectsContinue = meaning.expectsContinue
        state = .fixedBody
      case .chunked:
        expectsContinue = meaning.expectsContinue
        state = .chunkSizeLine
      }
    }
  }

  /// Drops the optional white space after each value (RFC 9112 section 5.1).
  private mutating func trimFieldValues() {
    for index in fields.indices {
      var end = Int(fields[index].valueEnd)
      let start = Int(fields[index].valueStart)
      while end > start, head[end - 1] == 0x20 || head[end - 1] == 0x09 { end -= 1 }
      fields[index].valueEnd = Int32(end)
    }
  }

  // MARK: - Body

  private mutating func consumeBody(_ bytes: UnsafeBufferPointer<UInt8>) -> Int {
    if state == .fixedBody || state == .chunkData {
      let count = min(remaining, bytes.count)
      appendBody(UnsafeBufferPointer(rebasing: bytes[..<count]))
      remaining -= count
      if remaining == 0 && state == .fixedBody { completeBody() }
      if remaining == 0 && state == .chunkData { state = .chunkDataCR }
      return count
    }
    let byte = bytes[0]
    switch state {
    case .chunkSizeLine:
      chunkSizeByte(byte)
    case .chunkDataCR:
      if byte == UInt8(ascii: "\r") { state = .chunkDataLF } else { refuse(.badChunk) }
    case .chunkDataLF:
      if byte == UInt8(ascii: "\n") { state = .chunkSizeLine } else { refuse(.badChunk) }
    default:
      trailer(byte)
    }
    return 1
  }

  private mutating func appendBody(_ bytes: UnsafeBufferPointer<UInt8>) {
    bodyCount += bytes.count
    if let inflater {
      if let reason = inflater.inflate(bytes, into: &body) { refuse(reason) }
    } else {
      body.append(contentsOf: bytes)
    }
  }

  private mutating func completeBody() {
    state = .complete
    if let inflater, bodyCount > 0, !inflater.isComplete { refuse(.badContentCoding) }
  }

  private mutating func chunkSizeByte(_ byte: UInt8) {
    if let reason = sizeLine.consume(byte, bodyCount: bodyCount, limits: limits) {
      return refuse(reason)
    }
    guard sizeLine.isComplete else { return }
    remaining = sizeLine.size
    sizeLine.reset()
    state = remaining == 0 ? .trailerLineStart : .chunkData
  }

  /// Trailer fields are checked as fields are, and dropped (RFC 9112 section 7.1.2).
  private mutating func trailer(_ byte: UInt8) {
    trailerCount += 1
    if trailerCount > limits.trailers + 2 { return refuse(.trailersTooLarge) }
    switch state {
    case .trailerLineStart:
      hasTrailerName = false
      if byte == UInt8(ascii: "\r") {
        state = .trailersLF
      } else if byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") {
        refuse(.obsoleteFold)
      } else if ByteSet.token.contains(byte) {
        state = .trailerLine
      } else {
        refuse(.badFieldName)
      }
    case .trailerLine:
      if !hasTrailerName {
        if byte == UInt8(ascii: ":") {
          hasTrailerName = true
        } else if byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") {
          refuse(.whitespaceBeforeColon)
        } else if !ByteSet.token.contains(byte) {
          refuse(.badFieldName)
        }
      } else if byte == UInt8(ascii: "\r") {
        state = .trailerLineLF
      } else if !byte.isFieldValue {
        refuse(byte == UInt8(ascii: "\n") ? .badLineEnd : .badFieldValue)
      }
    case .trailerLineLF:
      if byte == UInt8(ascii: "\n") { state = .trailerLineStart } else { refuse(.badLineEnd) }
    default:
      if byte == UInt8(ascii: "\n") { completeBody() } else { refuse(.badLineEnd) }
    }
  }

  /// The request that was read.
  /// - Precondition: `state` is `complete`.
  public func makeRequest(peer: Peer = .none, arrival: Int64 = 0) -> Request {
    precondition(state == .complete, "a request is made once it is complete")
    return Request(
      head: head, fields: fields, pathRange: pathRange, queryRange: queryRange, method: method,
      minorVersion: minorVersion, body: body, acceptsGzip: acceptsGzip,
      identity: requestIDRange.map { .taken(head[$0]) } ?? .make(), arrival: arrival, peer: peer)
  }
}
