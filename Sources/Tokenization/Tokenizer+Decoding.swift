extension Tokenizer {
  /// The text of these tokens, without the special ones.
  public func decode(_ ids: [Int32]) -> String {
    let text = text(of: ids.filter { !isSpecial($0) }.compactMap(token))
    guard trimsTexts else { return text }
    let bytes = Array(text.utf8)
    let front = bytes.prefix { $0 == 0x20 }.count
    let back = bytes.dropFirst(front).reversed().prefix { $0 == 0x20 }.count
    return String(decoding: bytes.dropFirst(front).dropLast(back), as: UTF8.self)
  }

  /// Whether this token has a role of its own, and is no part of a text.
  public func isSpecial(_ id: Int32) -> Bool { specialIDs.contains(id) }
}
