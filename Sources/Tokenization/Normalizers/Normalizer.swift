/// One step of normalisation, as `tokenizer.json` names them.
enum Normalizer: Sendable {
  /// BERT's.
  case bert(BertNormalizer)
  /// A form of Unicode.
  case form(UnicodeForm)
  /// Lower case, scalar by scalar.
  case lowercase
  /// Combining marks off, without decomposing first.
  case stripAccents
  /// White space off the ends.
  case strip(left: Bool, right: Bool)
  /// Every occurrence of a pattern replaced.
  case replace(TextPattern, with: [UInt8])
  /// Something put in front of a text that is not empty.
  case prepend([UInt8])
  /// SentencePiece's cleaning for neural machine translation.
  case nmt
  /// SentencePiece's precompiled character map.
  case precompiled(CharacterMap)

  /// Appends what `input` becomes to `output`.
  func apply(_ input: Span<UInt8>, to output: inout [UInt8]) {
    switch self {
    case .bert(let normalizer): normalizer.apply(input, to: &output)
    case .form(let form): form.apply(input, to: &output)
    case .precompiled(let map): map.apply(input, to: &output)
    case .lowercase:
      Self.forEachScalar(input) { scalar in
        if scalar < 0x80 {
          output.append(scalar: (0x41...0x5A).contains(scalar) ? scalar | 0x20 : scalar)
        } else if let range = UnicodeTables.shared.lowercase.range(scalar) {
          for place in range {
            output.append(scalar: UnicodeTables.shared.lowercase.scalars[place])
          }
        } else {
          output.append(scalar: scalar)
        }
      }
    case .stripAccents:
      Self.forEachScalar(input) { scalar in
        if !UnicodeClass.of(scalar).contains(.combining) { output.append(scalar: scalar) }
      }
    case .nmt:
      Self.forEachScalar(input) { scalar in
        if let kept = Self.nmt(scalar) { output.append(scalar: kept) }
      }
    case .strip(let left, let right): Self.strip(input, left, right, &output)
    case .prepend(let prefix):
      if input.isEmpty { return }
      output.append(contentsOf: prefix)
      output.append(input, 0..<input.count)
    case .replace(let pattern, let replacement):
      var (index, steps) = (0, 0)
      while let match = pattern.next(input, from: index, in: 0..<input.count, &steps) {
        output.append(input, index..<match.lowerBound)
        output.append(contentsOf: replacement)
        index = match.upperBound
      }
      output.append(input, index..<input.count)
    }
  }

  /// How many times as long a text can become, at most and rounded up.
  var growth: Int {
    switch self {
    case .bert, .form: 12
    case .lowercase: 3
    case .stripAccents, .strip, .nmt: 1
    case .prepend(let prefix): 1 + prefix.count
    case .precompiled(let map): max(1, map.longestText)
    case .replace(let pattern, let replacement):
      replacement.count <= pattern.shortestMatch
        ? 1 : replacement.count / pattern.shortestMatch + 1
    }
  }

  /// Whether a text cut between an ASCII letter or digit and a space gives the same in parts.
  var keepsCuts: Bool {
    switch self {
    case .bert, .form, .lowercase, .stripAccents, .nmt: true
    case .precompiled(let map): map.keepsSpace
    case .replace(let pattern, let replacement):
      pattern.isBetweenWords && (!pattern.takesSpaces || replacement.first == 0x20)
    case .strip, .prepend: false
    }
  }

  @inline(__always)
  private static func forEachScalar(_ input: Span<UInt8>, _ body: (UInt32) -> Void) {
    var index = 0
    while index < input.count {
      let (scalar, length) = input.scalar(at: index)
      index += length
      body(scalar)
    }
  }

  private static func strip(
    _ input: Span<UInt8>, _ left: Bool, _ right: Bool, _ output: inout [UInt8]
  ) {
    var (start, end) = (0, input.count)
    while left && start < end {
      let (scalar, length) = input.scalar(at: start)
      if !UnicodeClass.of(scalar).contains(.space) { break }
      start += length
    }
    while right && start < end {
      let last = input.scalarStart(before: end)
      if !UnicodeClass.of(input.scalar(at: last).value).contains(.space) { break }
      end = last
    }
    output.append(input, min(start, end)..<end)
  }

  /// What SentencePiece's `nmt` rules make of a scalar; nil drops it.
  private static func nmt(_ scalar: UInt32) -> UInt32? {
    switch scalar {
    case 0x01...0x08, 0x0B, 0x0E...0x1F, 0x7F, 0x8F, 0x9F: nil
    case 0x09, 0x0A, 0x0C, 0x0D, 0x1680, 0x200B...0x200F, 0x2028, 0x2029, 0x2581, 0xFEFF, 0xFFFD:
      0x20
    default: scalar
    }
  }
}
