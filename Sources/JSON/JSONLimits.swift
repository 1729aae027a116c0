/// What a text may ask of the parser. Every limit is checked before the memory it would cost is taken.
public struct JSONLimits: Sendable, Equatable {
  /// How deep arrays and objects may nest.
  public var depth: Int
  /// How long the text may be, in bytes.
  public var bytes: Int
  /// How many values (scalars, arrays and objects) it may hold.
  public var elements: Int

  /// Limits with the given bounds; the defaults suit model files (a tokenizer of 250,000 entries is 17 MB and
  /// a million values).
  public init(depth: Int = 64, bytes: Int = 1 << 28, elements: Int = 1 << 24) {
    self.depth = depth
    self.bytes = bytes
    self.elements = elements
  }

  /// Limits for a file of `fileBytes`: what is parsed then takes at most four times that and 1.5 MB.
  ///
  /// A value takes up to 100 bytes, however short its text; lists of labels and of tensors have 25 bytes of text
  /// a value and more, and the first 16,384 values are free.
  public init(fileBytes: Int, depth: Int = 64, bytes: Int = 1 << 28) {
    self.init(depth: depth, bytes: bytes, elements: (1 << 14) + fileBytes / 32)
  }
}
