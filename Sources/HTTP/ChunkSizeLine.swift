/// `chunk-size [ chunk-ext ] CRLF` (RFC 9112 sections 7.1 and 7.1.1), read byte by byte. Extensions are checked against the
/// grammar, bounded and dropped.
struct ChunkSizeLine {
  /// What the next byte may be. White space stands where the grammar has BWS.
  private enum State {
    case size
    /// `;`, or the end of the line where no white space came before.
    case end, endAfterSpace
    case nameStart, name, nameEnd
    case valueStart, value
    case quoted, escaped
    case lineFeed
  }

  private var state = State.size
  private var digits = 0
  /// Bytes of extensions in all lines of the message.
  private var extensionCount = 0
  /// The chunk's size, so far.
  private(set) var size = 0
  private(set) var isComplete = false

  /// Begins the next line of the same message.
  mutating func reset() {
    let count = extensionCount
    self = ChunkSizeLine()
    extensionCount = count
  }

  /// - Parameter bodyCount: bytes of the chunks before.
  /// - Returns: why the line is refused; nil as long as it is not.
  mutating func consume(_ byte: UInt8, bodyCount: Int, limits: HTTPLimits) -> Refusal? {
    if state == .size {
      if let digit = byte.hexDigit { return append(digit, bodyCount: bodyCount, limits: limits) }
      if digits == 0 { return .badChunk }
      state = .end
    }
    if state == .lineFeed {
      isComplete = byte == UInt8(ascii: "\n")
      return isComplete ? nil : .badLineEnd
    }
    if byte == UInt8(ascii: "\n") { return .badLineEnd }
    guard let next = state(after: byte) else { return .badChunk }
    state = next
    if next == .lineFeed { return nil }
    extensionCount += 1
    return extensionCount > limits.chunkExtensions ? .chunkExtensionsTooLarge : nil
  }

  private mutating func append(_ digit: Int, bodyCount: Int, limits: HTTPLimits) -> Refusal? {
    digits += 1
    // Leading zeros are bounded too: a size line never ends otherwise.
    if digits > 16 { return .badChunk }
    if size > limits.requestBody >> 4 { return .bodyTooLarge }
    size = size << 4 | digit
    return bodyCount + size > limits.requestBody ? .bodyTooLarge : nil
  }

  /// Nil where the grammar has no place for the byte.
  private func state(after byte: UInt8) -> State? {
    let isSpace = byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t")
    switch state {
    case .size, .lineFeed: return nil
    case .end, .endAfterSpace:
      return isSpace ? .endAfterSpace : afterItem(byte, mayEnd: state == .end)
    case .nameStart:
      if isSpace { return .nameStart }
      return ByteSet.token.contains(byte) ? .name : nil
    case .name, .nameEnd:
      if isSpace { return .nameEnd }
      if byte == UInt8(ascii: "=") { return .valueStart }
      if state == .name && ByteSet.token.contains(byte) { return .name }
      return afterItem(byte, mayEnd: state == .name)
    case .valueStart:
      if isSpace { return .valueStart }
      if byte == UInt8(ascii: "\"") { return .quoted }
      return ByteSet.token.contains(byte) ? .value : nil
    case .value:
      if ByteSet.token.contains(byte) { return .value }
      return isSpace ? .endAfterSpace : afterItem(byte, mayEnd: true)
    case .quoted:
      // `quoted-string` (RFC 9110 section 5.6.4).
      if byte == UInt8(ascii: "\"") { return .end }
      if byte == UInt8(ascii: "\\") { return .escaped }
      return byte.isFieldValue ? .quoted : nil
    case .escaped: return byte.isFieldValue ? .quoted : nil
    }
  }

  private func afterItem(_ byte: UInt8, mayEnd: Bool) -> State? {
    if byte == UInt8(ascii: ";") { return .nameStart }
    return byte == UInt8(ascii: "\r") && mayEnd ? .lineFeed : nil
  }
}
