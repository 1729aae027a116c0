import Foundation

/// BERT's normalisation and pre-tokenisation in one pass: control characters out, white space and
/// punctuation as borders, ideographs alone, accents off, lower case (Devlin et al., 2019).
struct BertNormalizer: Sendable, Equatable {
  /// Takes control characters out and makes all white space a space.
  var cleansText = true
  /// Sets each ideograph between spaces.
  var separatesIdeographs = true
  /// Takes combining marks off; nil follows `lowercases`.
  var stripsAccents: Bool?
  /// Maps to lower case.
  var lowercases = true

  private var strips: Bool { stripsAccents ?? lowercases }

  /// Calls `body` with the UTF-8 bytes and the scalar count of each word of `bytes`, in order, until
  /// it returns false.
  func forEachWord(_ bytes: Span<UInt8>, _ body: (borrowing WordBytes) -> Bool) {
    var word = WordBytes()
    var index = 0
    while index < bytes.count {
      let byte = bytes[index]
      if byte < 0x80 {
        index += 1
        switch ScalarClass.ascii[Int(byte)] {
        case .word:
          let isUpper = byte >= 0x41 && byte <= 0x5A
          word.append(lowercases && isUpper ? byte | 0x20 : byte)
        case .space: if !flush(&word, body) { return }
        case .punctuation: if !alone(byte, &word, body) { return }
        case .dropped:
          if !cleansText { word.append(byte) }
        case .ideograph: break
        }
        continue
      }
      let (scalar, length) = Self.decode(bytes, at: index)
      index += length
      if !add(scalar, &word, body) { return }
    }
    _ = flush(&word, body)
  }

  private func flush(_ word: inout WordBytes, _ body: (borrowing WordBytes) -> Bool) -> Bool {
    if word.bytes.isEmpty { return true }
    let goesOn = body(word)
    word.clear()
    return goesOn
  }

  private func alone(
    _ byte: UInt8, _ word: inout WordBytes, _ body: (borrowing WordBytes) -> Bool
  ) -> Bool {
    guard flush(&word, body) else { return false }
    word.append(byte)
    return flush(&word, body)
  }

  /// One scalar beyond ASCII. What it becomes is classified anew, because a decomposition can end in
  /// punctuation.
  private func add(
    _ scalar: Unicode.Scalar, _ word: inout WordBytes, _ body: (borrowing WordBytes) -> Bool
  ) -> Bool {
    let original = ScalarClass.of(scalar)
    switch original {
    case .dropped where cleansText: return true
    case .space: return flush(&word, body)
    case .ideograph where separatesIdeographs:
      guard flush(&word, body) else { return false }
      for part in normalized(scalar) { word.append(part) }
      return flush(&word, body)
    default: break
    }
    for part in normalized(scalar) {
      switch ScalarClass.of(part) {
      case .space: guard flush(&word, body) else { return false }
      case .punctuation:
        guard flush(&word, body) else { return false }
        word.append(part)
        guard flush(&word, body) else { return false }
      default: word.append(part)
      }
    }
    return true
  }

  private func normalized(_ scalar: Unicode.Scalar) -> [Unicode.Scalar] {
    if (0x4E00...0x9FFF).contains(scalar.value) { return [scalar] }
    var parts = [scalar]
    if strips {
      let decomposed = String(Character(scalar)).decomposedStringWithCanonicalMapping
      parts = decomposed.unicodeScalars.filter { $0.properties.generalCategory != .nonspacingMark }
    }
    if lowercases { parts = parts.flatMap { Array($0.properties.lowercaseMapping.unicodeScalars) } }
    return parts
  }

  /// The scalar at `index` of valid UTF-8, and its length; a stray byte reads as U+FFFD.
  private static func decode(_ bytes: Span<UInt8>, at index: Int) -> (Unicode.Scalar, Int) {
    let first = UInt32(bytes[index])
    let length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2
    guard index + length <= bytes.count else { return ("\u{FFFD}", 1) }
    var value = first & (length == 4 ? 0x07 : length == 3 ? 0x0F : 0x1F)
    for offset in 1..<length { value = value << 6 | UInt32(bytes[index + offset] & 0x3F) }
    guard let scalar = Unicode.Scalar(value) else { return ("\u{FFFD}", length) }
    return (scalar, length)
  }
}

/// A word under construction, with the count of its scalars.
struct WordBytes {
  var bytes: [UInt8] = []
  var scalars = 0

  mutating func append(_ byte: UInt8) {
    bytes.append(byte)
    scalars += 1
  }

  mutating func append(_ scalar: Unicode.Scalar) {
    bytes.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
    scalars += 1
  }

  mutating func clear() {
    bytes.removeAll(keepingCapacity: true)
    scalars = 0
  }
}
