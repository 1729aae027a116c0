extension Normalizer {
  /// What `apply` makes of a text, and what each byte of it stands for, as `tokenizers` has it: what replaces a scalar, and what
  /// is added behind it, stands for that scalar.
  func tracing(_ text: TracedText) -> TracedText {
    var plain: [UInt8] = []
    apply(text.bytes.span, to: &plain)
    if plain == text.bytes { return text }
    let traced: TracedText
    switch self {
    case .strip(let left, _): traced = stripped(text, left: left, count: plain.count)
    case .prepend(let prefix): traced = prepended(text, prefix)
    case .replace(let pattern, let replacement):
      traced = replaced(text, pattern, with: replacement)
    case .bert, .form, .lowercase, .stripAccents, .nmt, .precompiled: traced = clusters(text)
    }
    if traced.bytes == plain { return traced }
    // No cluster is changed by what stands beside it, so this is not expected; the tokens are right all the same.
    var coarse = TracedText()
    let (first, last) = (text.origins.first ?? 0..<0, text.origins.last ?? 0..<0)
    coarse.append(plain, first.lowerBound..<last.upperBound)
    return coarse
  }

  private func stripped(_ text: TracedText, left: Bool, count: Int) -> TracedText {
    var start = 0
    let span = text.bytes.span
    while left && start < span.count {
      let (scalar, length) = span.scalar(at: start)
      if !UnicodeClass.of(scalar).contains(.space) { break }
      start += length
    }
    var result = TracedText()
    result.append(text, start..<min(text.bytes.count, start + count))
    return result
  }

  private func prepended(_ text: TracedText, _ prefix: [UInt8]) -> TracedText {
    var result = TracedText()
    result.append(prefix, text.origins.first ?? 0..<0)
    result.append(text, 0..<text.bytes.count)
    return result
  }

  private func replaced(
    _ text: TracedText, _ pattern: TextPattern, with replacement: [UInt8]
  ) -> TracedText {
    var result = TracedText()
    var (index, steps) = (0, 0)
    let count = text.bytes.count
    while let match = pattern.next(text.bytes.span, from: index, in: 0..<count, &steps) {
      result.append(text, index..<match.lowerBound)
      // As if it were added behind the match's last character.
      if !match.isEmpty { result.append(replacement, text.origins[match.upperBound - 1]) }
      index = match.upperBound
    }
    result.append(text, index..<count)
    return result
  }

  /// Each cluster of scalars by itself: no rule reaches over its borders.
  private func clusters(_ text: TracedText) -> TracedText {
    var result = TracedText()
    result.bytes.reserveCapacity(text.bytes.count)
    result.origins.reserveCapacity(text.bytes.count)
    var (index, dropped) = (0, 0)
    let span = text.bytes.span
    while index < span.count {
      let (first, length) = span.scalar(at: index)
      var state = GraphemeState(first: GraphemeBreak.of(first))
      var ends = [min(span.count, index + length)]
      while let end = ends.last, end < span.count {
        let (scalar, length) = span.scalar(at: end)
        if !state.joins(GraphemeBreak.of(scalar)) { break }
        ends.append(min(span.count, end + length))
      }
      append(text, from: index, ends, to: &result)
      if result.bytes.isEmpty { dropped += ends.count }
      index = ends[ends.count - 1]
    }
    // As `tokenizers` has it: its map does not count what is dropped in front of all, so what follows stands for what is before it.
    if case .precompiled = self, dropped > 0 { return Self.shifted(result, text, by: dropped) }
    return result
  }

  /// The same with what each byte stands for moved to the left by so many scalars of `text`.
  private static func shifted(
    _ result: TracedText, _ text: TracedText, by count: Int
  ) -> TracedText {
    let scalars = text.bytes.indices.filter { text.bytes[$0] & 0xC0 != 0x80 }
    var places: [Int32: Int] = [:]
    for (number, index) in scalars.enumerated() {
      places[text.origins[index].lowerBound] = number
    }
    var result = result
    for index in result.origins.indices {
      guard let number = places[result.origins[index].lowerBound] else { continue }
      result.origins[index] = text.origins[scalars[max(0, number - count)]]
    }
    return result
  }

  /// A scalar of a cluster that a form of Unicode makes, and how many of the cluster's scalars it takes the place of: 1 and as many
  /// more as `change` is below 0, or none where it is above.
  private struct Part {
    var scalar: UInt32
    var order: UInt16
    var change: Int
  }

  /// Whether it decomposes, by compatibility or not, and whether it composes then; nil where it does neither.
  private var form: (isCompatible: Bool, composes: Bool)? {
    switch self {
    case .bert(let bert): bert.strips ? (false, false) : nil
    case .form(.nfd): (false, false)
    case .form(.nfkd): (true, false)
    case .form(.nfc): (false, true)
    case .form(.nfkc): (true, true)
    default: nil
    }
  }

  /// The scalars of a cluster in the form. They take the cluster's places one after another, in the order in which they come out.
  private func formed(
    _ text: TracedText, from start: Int, _ ends: [Int], isCompatible: Bool, composes: Bool
  ) -> [(scalar: UInt32, origin: Range<Int32>)] {
    var sources: [Range<Int32>] = []
    var parts: [Part] = []
    var place = start
    for end in ends {
      let scalar = text.bytes.span.scalar(at: place).value
      defer { place = end }
      if case .bert(let bert) = self, bert.cleansText,
        UnicodeClass.of(scalar).contains(.dropped)
      {
        continue
      }
      sources.append(text.origins[place])
      var change = 0
      UnicodeForm.decompose(scalar, isCompatible: isCompatible) { part, order in
        // Behind those of its run that are no later: a stable sort.
        var index = parts.count
        while order > 0 && index > 0 && parts[index - 1].order > order { index -= 1 }
        parts.insert(Part(scalar: part, order: order, change: change), at: index)
        change = 1
      }
    }
    if composes { parts = Self.composed(parts) }
    var taken = 0
    return parts.map { part in
      let source = part.change > 0 ? taken - 1 : taken
      if part.change <= 0 { taken += 1 - part.change }
      return (part.scalar, sources[max(0, min(source, sources.count - 1))])
    }
  }

  /// Canonical composition (UAX 15, D117).
  private static func composed(_ parts: [Part]) -> [Part] {
    var (result, starter, last): ([Part], Int?, Int) = ([], nil, -1)
    for part in parts {
      if let starter, last < Int(part.order),
        let whole = UnicodeTables.shared.composition(result[starter].scalar, part.scalar)
      {
        result[starter].scalar = whole
        result[starter].change += part.change - 1
        continue
      }
      (starter, last) = part.order == 0 ? (result.count, -1) : (starter, Int(part.order))
      result.append(part)
    }
    return result
  }

  /// A cluster whose scalars end at `ends`.
  private func append(
    _ text: TracedText, from start: Int, _ ends: [Int], to result: inout TracedText
  ) {
    let span = text.bytes.span
    if let (isCompatible, composes) = form, ends.count > 1 {
      let parts = formed(
        text, from: start, ends, isCompatible: isCompatible, composes: composes)
      for (scalar, origin) in parts {
        var (bytes, output): ([UInt8], [UInt8]) = ([], [])
        bytes.append(scalar: scalar)
        apply(bytes.span, to: &output)
        result.append(output, origin)
      }
      return
    }
    var parts: [(bytes: [UInt8], origin: Range<Int32>)] = []
    var place = start
    for end in ends {
      var bytes: [UInt8] = []
      apply(span.extracting(place..<end), to: &bytes)
      parts.append((bytes, text.origins[place]))
      place = end
    }
    var whole: [UInt8] = []
    if ends.count > 1 { apply(span.extracting(start..<place), to: &whole) }
    if ends.count == 1 || whole.elementsEqual(parts.lazy.flatMap(\.bytes)) {
      for part in parts { result.append(part.bytes, part.origin) }
      return
    }
    // They were replaced as a whole: one by one, and what is more stands for the last.
    var number = 0
    for index in whole.indices where whole[index] & 0xC0 != 0x80 {
      let next = whole[(index + 1)...].firstIndex { $0 & 0xC0 != 0x80 } ?? whole.count
      result.append(whole[index..<next], parts[min(parts.count - 1, number)].origin)
      number += 1
    }
  }
}
