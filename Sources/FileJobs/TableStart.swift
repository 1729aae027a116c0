import Files

/// What the first bytes of a table tell: which byte parts its columns, and whether fields may stand in quotes.
struct TableStart {
  /// The byte between columns.
  var separator: UInt8
  /// Whether fields may be in quotes, as all but plain TSV has them.
  var hasQuotes: Bool

  private static let comma = UInt8(ascii: ",")
  private static let semicolon = UInt8(ascii: ";")
  private static let tab = UInt8(9)
  /// How much is looked at where the first line leaves a doubt.
  private static let sampleSize = 1 << 16

  /// Looks at what `source` gives next; a line `sep=;`, which Excel writes and obeys, is taken.
  ///
  /// - Throws: `RecordError` where more than one reading makes sense.
  init(_ source: ByteReader, _ format: RecordFormat, _ layout: RecordLayout) throws {
    let start = try source.preview(Self.sampleSize)
    try Self.refuse(start, source.path)
    if start.contains(13) && !start.contains(10) { source.replaceReturns() }
    let usual = format == .tsv ? Self.tab : Self.comma
    let line = Array(try source.preview(Self.sampleSize).prefix { $0 != 10 && $0 != 13 })
    if line.count == 5, String(decoding: line, as: UTF8.self).lowercased().hasPrefix("sep=") {
      _ = try source.line()
      separator = layout.separator ?? line[4]
    } else {
      separator =
        try layout.separator
        ?? Self.guess(try source.preview(Self.sampleSize), source.path, usual, layout)
    }
    hasQuotes = format == .csv || separator != usual
  }

  /// Refuses what is no text.
  static func refuse(_ start: ArraySlice<UInt8>, _ path: String) throws {
    func refusal(_ problem: String, _ mend: String) -> RecordError {
      .malformed(path: path, line: 1, problem: problem, mend: mend)
    }
    if start.starts(with: [0x50, 0x4B, 3, 4]) || start.starts(with: [0xD0, 0xCF, 0x11, 0xE0]) {
      throw refusal(
        "an Excel workbook or a ZIP archive, and no text",
        "Save it in Excel as \"CSV UTF-8 (comma delimited)\".")
    }
    let begin = Array(start.prefix(512))
    let zeros = begin.indices.filter { begin[$0] == 0 }
    guard zeros.count * 4 > begin.count else { return }
    let isBig = zeros.count { $0 % 2 == 0 } * 2 > zeros.count
    throw refusal(
      "every other byte is zero, as in UTF-16",
      "Give --encoding \(isBig ? "utf-16be" : "utf-16le").")
  }

  // MARK: - The separator

  private static func guess(
    _ sample: ArraySlice<UInt8>, _ path: String, _ usual: UInt8, _ layout: RecordLayout
  ) throws -> UInt8 {
    let others = [comma, semicolon, tab].filter { $0 != usual }
    func fields(_ separator: UInt8, rows: Int = 1) -> [[String]] {
      // Plain TSV has no quotes, so that one in a text means nothing.
      Self.fields(sample, separator, hasQuotes: usual != tab || separator != tab, rows: rows)
    }
    let first = fields(usual)[0]
    let parted = others.filter { fields($0)[0].count > 1 }
    // Texts of TSV are full of commas.
    if parted.isEmpty || first.count > 1 && (usual == tab || layout.isHeader(first)) {
      return usual
    }
    let named = parted.filter { layout.isHeader(fields($0)[0]) }
    if named.count == 1 { return named[0] }
    func isEven(_ separator: UInt8) -> Bool {
      let counts = fields(separator, rows: 200).filter { $0 != [""] }.map(\.count)
      return counts[0] > 1 && Set(counts).count == 1
    }
    let even = ([usual] + parted).filter(isEven)
    let needsColumns = layout.hasLabels || layout.pair != nil || layout.text != nil
    if even.isEmpty || even == [usual] { return usual }
    if even.count == 1 && needsColumns && usual != tab { return even[0] }
    // One column of texts, of which each happens to have as many of them.
    let words = even.map(word).joined(separator: " and by ")
    throw RecordError.malformed(
      path: path, line: 1,
      problem: even.contains(usual)
        ? "the columns could be parted by \(words)"
        : "the columns seem to be parted by \(words), and not by \(word(usual))",
      mend: "Say which with --separator: "
        + ([usual] + parted).map { "'\(option($0))'" }.joined(separator: ", ") + ".")
  }

  /// Fields of the first rows of `sample`; what is cut at its end may be wrong.
  private static func fields(
    _ sample: ArraySlice<UInt8>, _ separator: UInt8, hasQuotes: Bool, rows limit: Int
  ) -> [[String]] {
    var (rows, row, field, isQuoted) = ([[String]](), [String](), [UInt8](), false)
    func text() -> String { String(decoding: field, as: UTF8.self) }
    for byte in sample {
      switch byte {
      case UInt8(ascii: "\"") where hasQuotes: isQuoted.toggle()
      case 13 where !isQuoted: break
      case separator where !isQuoted:
        row.append(text())
        field = []
      case 10 where !isQuoted:
        rows.append(row + [text()])
        (row, field) = ([], [])
        if rows.count == limit { return rows }
      default: field.append(byte)
      }
    }
    if rows.isEmpty || !field.isEmpty && sample.count < sampleSize { rows.append(row + [text()]) }
    return rows
  }

  /// A separator in words.
  static func word(_ separator: UInt8) -> String {
    switch separator {
    case comma: "commas"
    case semicolon: "semicolons"
    case tab: "tabs"
    default: "'\(option(separator))'"
    }
  }

  /// A separator as `--separator` takes it.
  static func option(_ separator: UInt8) -> String {
    separator == tab ? "tab" : String(decoding: [separator], as: UTF8.self)
  }
}
