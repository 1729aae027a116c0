import Files
import JSON
import Transformer

/// One row of an input file.
public struct Record: Sendable, Equatable {
  /// Line on which it begins, from 1.
  public var line: Int
  /// What is to be predicted.
  public var input: TextInput
  /// The truth, where rows are labelled. A list in JSON is joined by `|`.
  public var label: String?
  /// Words that are split already, with a label each, from the JSON members `tokens` and `labels`.
  public var words: [(word: String, label: String)] = []

  /// Equal in all that was read.
  public static func == (a: Record, b: Record) -> Bool {
    (a.line, a.input, a.label) == (b.line, b.input, b.label)
      && a.words.elementsEqual(b.words, by: ==)
  }
}

/// Rows of a file or pipe, one at a time, in bounded memory.
public struct RecordReader {
  private struct Places { var text: Int, pair: Int?, label: Int? }

  private let source: ByteReader
  private let format: RecordFormat
  private let columns: RecordColumns
  private var csv: CSVReader
  private var line = 0
  private var places: Places?
  private var pending: [String]?

  private static let textNames = ["text", "sentence", "sentence1", "input", "query", "text_a"]
  private static let pairNames = ["text_pair", "sentence2", "pair", "passage", "text_b"]
  private static let labelNames = ["label", "labels", "score", "target", "truth"]

  /// Opens `path`, `-` for standard input.
  ///
  /// - Throws: `RecordError.unreadable`.
  public init(
    path: String, format: RecordFormat? = nil, columns: RecordColumns = RecordColumns()
  ) throws {
    source = try Self.open(path)
    self.format = format ?? RecordFormat(path: path)
    self.columns = columns
    csv = CSVReader(source)
  }

  private static func open(_ path: String) throws -> ByteReader {
    do { return try ByteReader(path: path) } catch FileError.unreadable(_, let reason) {
      throw RecordError.unreadable(path: path, reason: reason)
    }
  }

  /// As messages name the file.
  public var path: String { source.path }
  /// Bytes read.
  public var consumed: Int { source.consumed }

  /// The next row; nil at the end.
  ///
  /// - Throws: `RecordError` naming the line, or `FileError`.
  public mutating func next() throws -> Record? {
    switch format {
    case .text:
      line += 1
      guard let bytes = try source.line() else { return nil }
      return Record(line: line, input: TextInput(try string(bytes)))
    case .jsonl:
      while true {
        line += 1
        guard let bytes = try source.line() else { return nil }
        if !bytes.isEmpty { return try jsonRecord(bytes) }
      }
    case .tsv, .csv:
      while let fields = try row() {
        if let record = try record(fields) { return record }
      }
      return nil
    }
  }

  // MARK: - Columns

  private mutating func row() throws -> [String]? {
    if format == .csv {
      guard let fields = try csv.row() else { return nil }
      line = csv.line
      return try strings(fields)
    }
    while true {
      line += 1
      guard let bytes = try source.line() else { return nil }
      if bytes.isEmpty { continue }
      return try strings(
        bytes.split(separator: 9, omittingEmptySubsequences: false).map { Array($0) })
    }
  }

  private func strings(_ fields: [[UInt8]]) throws -> [String] {
    var result: [String] = []
    for field in fields { result.append(try string(field)) }
    return result
  }

  /// A row's record; nil for the header.
  private mutating func record(_ fields: [String]) throws -> Record? {
    let known: Places
    if let places {
      known = places
    } else {
      let (found, isHeader) = try findPlaces(fields)
      places = found
      if isHeader { return nil }
      known = found
    }
    func field(_ index: Int) throws -> String {
      if index < fields.count { return fields[index] }
      throw bad(
        "column \(index + 1) is missing; the row has \(fields.count)",
        "Give each row the same columns.")
    }
    var text = try field(known.text)
    let isRest =
      format == .tsv && columns.hasLabels && columns.text == nil && known.pair == nil
      && known.text == 1 && known.label == 0
    // As `martlet train` reads it: everything behind the first tab is text.
    if isRest { text = fields.dropFirst().joined(separator: "\t") }
    let pair: String? = if let place = known.pair { try field(place) } else { nil }
    let label: String? = if let place = known.label { try field(place) } else { nil }
    if columns.hasLabels, label?.isEmpty ?? true {
      throw bad("the row has no label", "Put the truth into its column.")
    }
    return Record(line: line, input: TextInput(text, pair: pair), label: label)
  }

  private func findPlaces(_ fields: [String]) throws -> (Places, isHeader: Bool) {
    let names = fields.map { $0.lowercased() }
    let chosen = [columns.text, columns.pair, columns.label].compactMap { $0 }
    let isHeader =
      chosen.contains { Int($0) == nil } || names.contains { Self.textNames.contains($0) }
    func place(_ choice: String?, _ usual: [String]) throws -> Int? {
      if let choice {
        if let number = Int(choice), number >= 1 { return number - 1 }
        if let index = fields.firstIndex(of: choice) { return index }
        throw RecordError.noColumn(path: path, name: choice, known: fields)
      }
      return isHeader ? usual.lazy.compactMap { names.firstIndex(of: $0) }.first : nil
    }
    let pair = try place(columns.pair, Self.pairNames)
    var label = columns.hasLabels ? try place(columns.label, Self.labelNames) : nil
    var text = try place(columns.text, Self.textNames)
    if !isHeader && columns.hasLabels {
      label = label ?? 0
      text = text ?? 1
    }
    if columns.hasLabels && label == nil {
      throw RecordError.noColumn(path: path, name: "label", known: fields)
    }
    if let text { return (Places(text: text, pair: pair, label: label), isHeader) }
    if fields.count == 1 { return (Places(text: 0, pair: pair, label: label), isHeader) }
    throw bad(
      "the row has \(fields.count) columns, and none is named text",
      "Say which one is the text, such as --column 2.")
  }

  // MARK: - JSON

  private func jsonRecord(_ bytes: [UInt8]) throws -> Record {
    let json: JSONValue
    do { json = try JSONValue(parsing: bytes) } catch {
      throw bad("not JSON: \(error.localizedDescription)", "Write one JSON value a line.")
    }
    if let text = json.stringValue, !columns.hasLabels {
      return Record(line: line, input: TextInput(text))
    }
    guard let object = json.objectValue else {
      throw bad("the line is \(json.kind)", #"Write an object: {"text": "…"}."#)
    }
    func member(_ choice: String?, _ usual: [String]) -> JSONValue? {
      if let choice { return object[choice] }
      return usual.lazy.compactMap { object[$0] }.first
    }
    if let words = object["tokens"]?.arrayValue, let labels = object["labels"]?.arrayValue,
      columns.hasLabels
    {
      let pairs = zip(words.compactMap(\.stringValue), labels.compactMap(\.stringValue))
      guard words.count == labels.count, Array(pairs).count == words.count else {
        throw bad("tokens and labels are not as many strings", "Give each token its label.")
      }
      var record = Record(line: line, input: TextInput(""), label: "")
      record.words = pairs.map { (word: $0, label: $1) }
      return record
    }
    guard let text = member(columns.text, Self.textNames)?.stringValue else {
      throw bad("no string member holds the text", "Name the member with --column.")
    }
    let pair = member(columns.pair, Self.pairNames)?.stringValue
    var label: String?
    if columns.hasLabels {
      switch member(columns.label, Self.labelNames) {
      case .string(let name)?: label = name
      case .number(let number)?: label = "\(number.doubleValue)"
      case .array(let names)?: label = names.compactMap(\.stringValue).joined(separator: "|")
      default: throw bad("no member holds the label", "Name the member with --label-column.")
      }
    }
    return Record(line: line, input: TextInput(text, pair: pair), label: label)
  }

  // MARK: - Messages

  private func string(_ bytes: [UInt8]) throws -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw bad("not UTF-8", "Convert the file, such as with iconv -t UTF-8.")
    }
    return text
  }

  private func bad(_ problem: String, _ mend: String) -> RecordError {
    .malformed(path: path, line: line, problem: problem, mend: mend)
  }
}
