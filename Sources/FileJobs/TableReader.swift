import Files
import Transformer

/// Rows of a table: TSV, CSV and what Excel makes of them.
struct TableReader {
  private struct Places { var text: Int, pair: Int?, label: Int? }

  private let source: ByteReader
  private let layout: RecordLayout
  private let start: TableStart
  private let hasQuotes: Bool
  private var csv: CSVReader
  private var line = 0
  private var places: Places?
  /// Columns and line of the first row that is not empty, and whether it is a header.
  private var first: (count: Int, line: Int, isHeader: Bool)?
  private var notes: [String] = []
  /// The first row, where it was read as a row and nobody said that it is one.
  private(set) var firstFields: [String]?

  private var path: String { source.path }

  init(_ source: ByteReader, _ format: RecordFormat, _ layout: RecordLayout) throws {
    (self.source, self.layout) = (source, layout)
    start = try TableStart(source, format, layout)
    hasQuotes = start.hasQuotes
    csv = CSVReader(source, separator: start.separator)
  }

  /// What is to be said since the last time.
  mutating func takeNotes() -> [String] {
    defer { notes = [] }
    return notes
  }

  /// The next row; nil at the end.
  mutating func next() throws -> Record? {
    while let fields = try row() {
      if let record = try record(fields) { return record }
    }
    return nil
  }

  /// The fields of the next row that has any.
  private mutating func row() throws -> [String]? {
    while true {
      let fields: [[UInt8]]
      if hasQuotes {
        guard let row = try csv.row() else { return nil }
        (fields, line) = (row, csv.line)
      } else {
        guard let bytes = try source.line() else { return nil }
        line = source.lineNumber
        fields = bytes.split(separator: start.separator, omittingEmptySubsequences: false)
          .map { Array($0) }
      }
      // Excel writes rows of empty cells.
      if fields.allSatisfy(\.isEmpty) { continue }
      var texts: [String] = []
      for field in fields { texts.append(try string(field, path, line)) }
      return texts
    }
  }

  /// A row's record; nil for the header.
  private mutating func record(_ fields: [String]) throws -> Record? {
    let known: Places
    if let places {
      known = places
    } else {
      let (found, isHeader) = try findPlaces(fields)
      places = found
      first = (fields.count, line, isHeader)
      if isHeader { return nil }
      if layout.hasHeader == nil { noteFirst(fields) }
      known = found
    }
    // As `martlet train` reads it: everything behind the first tab is text.
    let isRest =
      !hasQuotes && layout.hasLabels && layout.text == nil && known.pair == nil
      && known.text == 1 && known.label == 0
      && (first?.isHeader != true || first?.count == 2)
    if !isRest { try checkWidth(fields) }
    var text = try field(known.text, fields)
    if isRest { text = fields.dropFirst().joined(separator: "\t") }
    let pair: String? = if let place = known.pair { try field(place, fields) } else { nil }
    let label: String? = if let place = known.label { try field(place, fields) } else { nil }
    if layout.hasLabels, label.map(RecordLayout.trimmed)?.isEmpty ?? true {
      throw bad("the row has no label", "Put the truth into its column.")
    }
    return Record(line: line, input: TextInput(text, pair: pair), label: label)
  }

  private func field(_ index: Int, _ fields: [String]) throws -> String {
    if index < fields.count { return fields[index] }
    throw bad(
      "column \(index + 1) is missing; the row has \(fields.count), parted by \(TableStart.word(start.separator))",
      "Give each row the same columns, or say with --separator what parts them.")
  }

  /// A comma too many moves every column behind it.
  private func checkWidth(_ fields: [String]) throws {
    guard let first, fields.count != first.count else { return }
    // Empty cells behind the last column do no harm, and TSV may leave the last ones out.
    if fields.count > first.count && fields[first.count...].allSatisfy(\.isEmpty) { return }
    if fields.count < first.count && !hasQuotes { return }
    throw bad(
      "the row has \(fields.count) columns where line \(first.line) has \(first.count)",
      hasQuotes
        ? "Put a field that holds '\(TableStart.option(start.separator))' or a line end in quotes: \"…\"."
        : "Take out the tab too many, or use CSV with quotes.")
  }

  private mutating func noteFirst(_ fields: [String]) {
    firstFields = fields
    if hasQuotes && !layout.hasLabels && RecordLayout.areNames(fields) {
      notes.append(
        "note: \(path), line \(line): \"\(fields.joined(separator: "\", \""))\" is read as a row; where it names "
          + "the columns, give --header")
    }
  }

  // MARK: - Columns

  private func findPlaces(_ fields: [String]) throws -> (Places, isHeader: Bool) {
    let isNamed = layout.chosen.contains { Int($0) == nil }
    let isHeader = layout.hasHeader ?? (isNamed || layout.isHeader(fields))
    let names = isHeader ? fields.map(RecordLayout.folded) : []
    func place(_ choice: String?, _ usual: [String]) throws -> Int? {
      guard let choice else { return usual.lazy.compactMap { names.firstIndex(of: $0) }.first }
      if let index = fields.firstIndex(where: { $0.utf8.elementsEqual(choice.utf8) }), isHeader {
        return index
      }
      if let number = Int(choice), number >= 1 { return number - 1 }
      let folded = names.indices.filter { names[$0] == RecordLayout.folded(choice) }
      if folded.count == 1 { return folded[0] }
      throw RecordError.noColumn(path: path, name: choice, known: fields)
    }
    let pair = try place(layout.pair, RecordLayout.pairNames)
    var label = layout.hasLabels ? try place(layout.label, RecordLayout.labelNames) : nil
    var text = try place(layout.text, RecordLayout.textNames)
    if layout.hasLabels && label == nil && text == nil || !isHeader && layout.hasLabels {
      // Label and text, in this order, are what has no names; a third column would have to be guessed.
      if label == nil && text == nil && pair == nil && fields.count > 2 && hasQuotes {
        throw unnamed(fields)
      }
      (label, text) = (label ?? 0, text ?? 1)
    }
    if layout.hasLabels && label == nil {
      throw RecordError.noColumn(path: path, name: "label", known: fields)
    }
    if let text { return (Places(text: text, pair: pair, label: label), isHeader) }
    if fields.count == 1 { return (Places(text: 0, pair: pair, label: label), isHeader) }
    throw unnamed(fields)
  }

  private func unnamed(_ fields: [String]) -> RecordError {
    let areNames = RecordLayout.areNames(fields)
    let example = areNames ? "--column '\(fields[fields.count - 1])'" : "--column 2"
    return bad(
      "the row has \(fields.count) columns"
        + (areNames ? " (\(fields.joined(separator: ", ")))" : "") + ", and none is named text",
      "Say which one is the text\(layout.hasLabels ? " and which the label" : ""), such as \(example)"
        + (layout.hasLabels ? " --label-column \(areNames ? "'\(fields[0])'" : "1")" : "")
        + (areNames ? "; without a header, by number: --column 2." : ".")
        + (hasQuotes && layout.hasLabels
          ? " A text that holds '\(TableStart.option(start.separator))' must be in quotes." : ""))
  }

  private func bad(_ problem: String, _ mend: String) -> RecordError {
    .malformed(path: path, line: line, problem: problem, mend: mend)
  }
}
