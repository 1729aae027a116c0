extension Tokenizer {
  /// Whether this token structures texts and is no part of them, as the tokenizer's file says.
  public func isSpecial(_ id: Int32) -> Bool {
    addedTokens.contains { $0.id == id && $0.isSpecial }
  }
}
