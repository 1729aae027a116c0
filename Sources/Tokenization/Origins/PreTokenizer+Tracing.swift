extension PreTokenizer {
  /// Where the bytes come from that `apply` makes of `list`, whose bytes come from `text`; to be asked before it.
  func tracing(_ list: PieceList, _ text: TracedText, isFirst: Bool) -> TracedText {
    switch self {
    case .byteLevel(let level): level.tracing(list, text)
    case .metaspace(let metaspace): metaspace.tracing(list, text, isFirst: isFirst)
    // The others cut, and leave the text as it is.
    case .bert, .whitespace, .whitespaceSplit, .punctuation, .digits, .split: text
    }
  }
}

extension ByteLevel {
  fileprivate func tracing(_ list: PieceList, _ text: TracedText) -> TracedText {
    var prefixed = text
    if addsPrefixSpace {
      prefixed = TracedText()
      for range in list.ranges {
        if list.text[range.lowerBound] != 0x20 {
          prefixed.append([0x20], text.origins[range.lowerBound])
        }
        prefixed.append(text, range)
      }
    }
    if keepsBytes { return prefixed }
    var mapped = TracedText()
    // Without a prefix, what stands between the pieces goes here.
    let ranges = addsPrefixSpace ? [0..<prefixed.bytes.count] : list.ranges
    for index in ranges.joined() {
      var bytes: [UInt8] = []
      bytes.append(scalar: Self.characters[Int(prefixed.bytes[index])])
      mapped.append(bytes, prefixed.origins[index])
    }
    return mapped
  }
}

extension Metaspace {
  fileprivate func tracing(_ list: PieceList, _ text: TracedText, isFirst: Bool) -> TracedText {
    var result = TracedText()
    for range in list.ranges {
      let piece = list.text[range]
      let begins = piece.first == 0x20 || piece.starts(with: mark)
      if !begins
        && (scheme == .always || scheme == .first && isFirst && range.lowerBound == 0)
      {
        result.append(mark, text.origins[range.lowerBound])
      }
      for index in range {
        if list.text[index] == 0x20 {
          result.append(mark, text.origins[index])
        } else {
          result.append(text, index..<index + 1)
        }
      }
    }
    return result
  }
}
