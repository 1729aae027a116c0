/// BERT's normalisation: control characters out, all white space a space, ideographs alone, accents
/// off, lower case (Devlin et al., 2019).
struct BertNormalizer: Sendable, Equatable {
  /// Takes control characters out and makes all white space a space.
  var cleansText = true
  /// Sets each ideograph between spaces.
  var separatesIdeographs = true
  /// Takes combining marks off; nil follows `lowercases`.
  var stripsAccents: Bool?
  /// Maps to lower case.
  var lowercases = true

  var strips: Bool { stripsAccents ?? lowercases }

  /// Appends what `input` becomes to `output`.
  func apply(_ input: Span<UInt8>, to output: inout [UInt8]) {
    let ascii = Self.asciiTables[(cleansText ? 1 : 0) + (lowercases ? 2 : 0)]
    var marks = CanonicalRun(composes: false)
    var hasMarks = false
    var index = 0
    while index < input.count {
      let byte = input[index]
      if byte < 0x80 {
        index += 1
        let mapped = ascii[Int(byte)]
        if mapped == Self.drop { continue }
        if hasMarks {
          flush(&marks, to: &output)
          hasMarks = false
        }
        output.append(mapped)
        continue
      }
      let (scalar, length) = input.scalar(at: index)
      index += length
      let isIdeograph = separatesIdeographs && Self.isIdeograph(scalar)
      if !isIdeograph && cleansText {
        let kind = UnicodeClass.of(scalar)
        if kind.contains(.dropped) { continue }
        if kind.contains(.space) {
          flush(&marks, to: &output)
          hasMarks = false
          output.append(0x20)
          continue
        }
      }
      if isIdeograph {
        flush(&marks, to: &output)
        hasMarks = false
        output.append(0x20)
      }
      if !strips || (0x3400...0x9FFF).contains(scalar) {
        flush(&marks, to: &output)
        hasMarks = false
        append(scalar, to: &output)
      } else {
        strip(scalar, &marks, &hasMarks, &output)
      }
      if isIdeograph {
        flush(&marks, to: &output)
        hasMarks = false
        output.append(0x20)
      }
    }
    flush(&marks, to: &output)
  }

  /// Decomposes and leaves nonspacing marks off. The few spacing marks with a combining class wait in
  /// `marks` for their canonical order.
  private func strip(
    _ scalar: UInt32, _ marks: inout CanonicalRun, _ hasMarks: inout Bool, _ output: inout [UInt8]
  ) {
    UnicodeForm.decompose(scalar, isCompatible: false) { part, order in
      if order == 0 && hasMarks {
        flush(&marks, to: &output)
        hasMarks = false
      }
      if UnicodeClass.of(part).contains(.nonspacing) { return }
      if order == 0 {
        append(part, to: &output)
      } else {
        var none: [UInt8] = []
        marks.append(part, order: order, to: &none)
        hasMarks = true
      }
    }
  }

  private func flush(_ marks: inout CanonicalRun, to output: inout [UInt8]) {
    if marks.isEmpty { return }
    for scalar in marks.takeAll() { append(scalar, to: &output) }
  }

  private func append(_ scalar: UInt32, to output: inout [UInt8]) {
    if lowercases, let range = UnicodeTables.shared.lowercase.range(scalar) {
      for place in range {
        output.append(scalar: UnicodeTables.shared.lowercase.scalars[place])
      }
    } else {
      output.append(scalar: scalar)
    }
  }

  /// Stands for bytes that go, in a table of ASCII.
  private static let drop: UInt8 = 0xFF

  /// What ASCII becomes, by whether text is cleaned (1) and mapped to lower case (2).
  private static let asciiTables: [[UInt8]] = (0..<4).map { flags in
    (0..<128).map { (byte: UInt8) in
      let kind = UnicodeClass.of(UInt32(byte))
      if flags & 1 != 0 && kind.contains(.dropped) { return drop }
      if flags & 1 != 0 && kind.contains(.space) { return 0x20 }
      return flags & 2 != 0 && (0x41...0x5A).contains(byte) ? byte | 0x20 : byte
    }
  }

  /// The blocks that BERT sets between spaces.
  static func isIdeograph(_ value: UInt32) -> Bool {
    switch value {
    case 0x4E00...0x9FFF, 0x3400...0x4DBF, 0x20000...0x2A6DF, 0x2A700...0x2B73F,
      0x2B740...0x2B81F, 0x2B920...0x2CEAF, 0xF900...0xFAFF, 0x2F800...0x2FA1F:
      true
    default: false
    }
  }
}
