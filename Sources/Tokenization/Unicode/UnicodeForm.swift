/// A normalisation form (Unicode Standard Annex 15).
enum UnicodeForm: String, Sendable, CaseIterable {
  case nfd = "NFD"
  case nfc = "NFC"
  case nfkd = "NFKD"
  case nfkc = "NFKC"

  private var isCompatible: Bool { self == .nfkd || self == .nfkc }
  private var composes: Bool { self == .nfc || self == .nfkc }

  /// Appends `input` in this form to `output`.
  func apply(_ input: Span<UInt8>, to output: inout [UInt8]) {
    var run = CanonicalRun(composes: composes)
    var index = 0
    while index < input.count {
      let byte = input[index]
      if byte < 0x80 {
        // ASCII begins a run, and only what follows can change it.
        run.flush(to: &output)
        let next = index + 1
        if next == input.count || input[next] < 0x80 {
          output.append(byte)
        } else {
          run.append(UInt32(byte), order: 0, to: &output)
        }
        index = next
        continue
      }
      let (scalar, length) = input.scalar(at: index)
      index += length
      Self.decompose(scalar, isCompatible: isCompatible) { part, order in
        run.append(part, order: order, to: &output)
      }
    }
    run.flush(to: &output)
  }

  /// Calls `body` with the scalars of the full decomposition of `scalar` and their combining classes.
  @inline(__always)
  static func decompose(
    _ scalar: UInt32, isCompatible: Bool, _ body: (UInt32, UInt16) -> Void
  ) {
    let tables = UnicodeTables.shared
    let syllable = scalar &- Hangul.syllables
    if syllable < Hangul.syllableCount {
      let perLead = Hangul.vowelCount * Hangul.tailCount
      body(Hangul.leads + syllable / perLead, 0)
      body(Hangul.vowels + syllable % perLead / Hangul.tailCount, 0)
      let tail = syllable % Hangul.tailCount
      if tail != 0 { body(Hangul.tails + tail, 0) }
      return
    }
    if isCompatible, let range = tables.compatibility.range(scalar) {
      for place in range {
        let part = tables.compatibility.scalars[place]
        body(part, tables.order[part])
      }
    } else if let range = tables.canonical.range(scalar) {
      for place in range {
        let part = tables.canonical.scalars[place]
        body(part, tables.order[part])
      }
    } else {
      body(scalar, tables.order[scalar])
    }
  }
}

/// A starter and the marks behind it, put in canonical order and composed when the next starter comes.
/// Marks come one by one, so a run of any length costs no more than sorting it.
struct CanonicalRun {
  private let composes: Bool
  private var scalars: [(value: UInt32, order: UInt16)] = []
  private var isSorted = true

  init(composes: Bool) { self.composes = composes }

  /// Adds a scalar; what cannot change any more goes to `output`.
  @inline(__always)
  mutating func append(_ value: UInt32, order: UInt16, to output: inout [UInt8]) {
    if order == 0 && !scalars.isEmpty {
      if composes {
        settle()
        if scalars.count == 1, scalars[0].order == 0,
          let whole = UnicodeTables.shared.composition(scalars[0].value, value)
        {
          scalars[0].value = whole
          return
        }
      }
      flush(to: &output)
    }
    if let last = scalars.last, last.order > order { isSorted = false }
    scalars.append((value, order))
  }

  /// Whether nothing is held.
  var isEmpty: Bool { scalars.isEmpty }

  /// What is held, in order; nothing is then.
  mutating func takeAll() -> [UInt32] {
    settle()
    defer { scalars.removeAll(keepingCapacity: true) }
    return scalars.map(\.value)
  }

  /// Writes what is held.
  mutating func flush(to output: inout [UInt8]) {
    if scalars.isEmpty { return }
    settle()
    for scalar in scalars { output.append(scalar: scalar.value) }
    scalars.removeAll(keepingCapacity: true)
  }

  /// Canonical order, then canonical composition (UAX 15, D117).
  private mutating func settle() {
    if !isSorted && !scalars.isEmpty {
      let first = scalars[0].order == 0 ? 1 : 0
      // The sort must be stable: marks of one class keep their order.
      let marks = scalars[first...].enumerated()
        .sorted { ($0.element.order, $0.offset) < ($1.element.order, $1.offset) }
        .map(\.element)
      scalars.replaceSubrange(first..., with: marks)
      isSorted = true
    }
    guard composes, scalars.count > 1, scalars[0].order == 0 else { return }
    var kept = 1
    var lastOrder: UInt16 = 0
    for index in 1..<scalars.count {
      let mark = scalars[index]
      if lastOrder < mark.order,
        let whole = UnicodeTables.shared.composition(scalars[0].value, mark.value)
      {
        scalars[0].value = whole
      } else {
        lastOrder = mark.order
        scalars[kept] = mark
        kept += 1
      }
    }
    scalars.removeSubrange(kept...)
  }
}
