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
  /// The truth where it is a list, such as the answers to a question.
  public var answers: [String] = []
  /// What the row says by the names of its task's parameters.
  public var members = JSONObject()

  /// A row.
  public init(line: Int, input: TextInput, label: String? = nil, answers: [String] = []) {
    (self.line, self.input, self.label, self.answers) = (line, input, label, answers)
  }

  /// Equal in all that was read.
  public static func == (a: Record, b: Record) -> Bool {
    (a.line, a.input, a.label) == (b.line, b.input, b.label) && a.answers == b.answers
      && JSONValue.object(a.members) == JSONValue.object(b.members)
      && a.words.elementsEqual(b.words, by: ==)
  }
}

/// Rows of a file or pipe, one at a time, in bounded memory.
public struct RecordReader {
  let source: ByteReader
  let format: RecordFormat
  let layout: RecordLayout
  /// What is asked beside the texts; nil where the texts are all.
  public var rows: TaskRows?
  private var table: TableReader?
  private var held: ArraySlice<Record>?
  var line = 0
  /// What a user should know of how the rows were read.
  public private(set) var notes: [String] = []

  /// Opens `path`, `-` for standard input.
  ///
  /// - Throws: `RecordError.unreadable`.
  public init(
    path: String, format: RecordFormat? = nil, layout: RecordLayout = RecordLayout()
  ) throws {
    source = try Self.open(path, layout)
    self.format = format ?? RecordFormat(path: path)
    self.layout = layout
  }

  /// Rows that are read already; messages call their file `path`.
  public init(_ rows: [Record], path: String) {
    source = ByteReader([], name: path)
    (format, layout, held) = (.text, RecordLayout(), rows[...])
  }

  private static func open(_ path: String, _ layout: RecordLayout) throws -> ByteReader {
    do {
      return try ByteReader(path: path, encoding: layout.encoding)
    } catch FileError
      .unreadable(_, let reason)
    {
      throw RecordError.unreadable(path: path, reason: reason)
    }
  }

  /// As messages name the file.
  public var path: String { source.path }
  /// Bytes read.
  public var consumed: Int { source.consumed }
  /// The first row of a table where it was read as a row and not as a header.
  package var firstFields: [String]? { table?.firstFields }

  /// The next row; nil at the end.
  ///
  /// - Throws: `RecordError` naming the line, or `FileError`.
  public mutating func next() throws -> Record? {
    guard var record = try held != nil ? held?.popFirst() : read() else { return nil }
    if let rows { record.input = try rows.input(record, path: path) }
    if let label = record.label {
      let trimmed = RecordLayout.trimmed(label)
      if trimmed.utf8.count != label.utf8.count {
        record.label = trimmed
        if notes.isEmpty {
          notes.append(
            "note: \(path), line \(record.line): the label has spaces or marks around it; here and below they are left out"
          )
        }
      }
    }
    return record
  }

  private mutating func read() throws -> Record? {
    // A few bytes, since a pipe may have no more for now; a table looks at more of them itself.
    if line == 0 { try TableStart.refuse(source.preview(4), path) }
    switch format {
    case .text:
      line += 1
      guard let bytes = try source.line() else { return nil }
      return Record(line: line, input: TextInput(try string(bytes, path, line)))
    case .jsonl:
      while true {
        line += 1
        guard let bytes = try source.line() else { return nil }
        if !bytes.isEmpty { return try jsonRecord(bytes) }
      }
    case .tsv, .csv:
      if table == nil { table = try TableReader(source, format, layout) }
      let record = try table?.next()
      notes += table?.takeNotes() ?? []
      return record
    }
  }

  // MARK: - JSON

  private func jsonRecord(_ bytes: [UInt8]) throws -> Record {
    let json: JSONValue
    do { json = try JSONValue(parsing: bytes) } catch {
      let mend =
        bytes.first == UInt8(ascii: "[") && line == 1
        ? "Write one object a line, such as by: jq -c '.[]' FILE > FILE.jsonl"
        : "Write one JSON value a line."
      throw bad("not JSON: \(error.localizedDescription)", mend)
    }
    if let text = json.stringValue, !layout.hasLabels {
      return Record(line: line, input: TextInput(text))
    }
    if json.arrayValue != nil {
      throw bad(
        "the line is a JSON array",
        "Write one object a line, such as by: jq -c '.[]' FILE > FILE.jsonl")
    }
    guard let object = json.objectValue else {
      throw bad("the line is \(json.kind)", #"Write an object: {"text": "…"}."#)
    }
    func member(_ choice: String?, _ usual: [String]) -> JSONValue? {
      if let choice { return object[choice] }
      return usual.lazy.compactMap { object[$0] }.first
    }
    if let words = object["tokens"]?.arrayValue, let labels = object["labels"]?.arrayValue,
      layout.hasLabels
    {
      let pairs = zip(words.compactMap(\.stringValue), labels.compactMap(\.stringValue))
      guard words.count == labels.count, Array(pairs).count == words.count else {
        throw bad("tokens and labels are not as many strings", "Give each token its label.")
      }
      var record = Record(line: line, input: TextInput(""), label: "")
      record.words = pairs.map { (word: $0, label: $1) }
      return record
    }
    guard let text = member(layout.text, RecordLayout.textNames)?.stringValue else {
      throw bad(
        "no string member holds the text; there are: \(Self.names(object))",
        "Name the member with --column.")
    }
    let pair = member(layout.pair, RecordLayout.pairNames)?.stringValue
    var (label, answers): (String?, [String]) = (nil, [])
    if layout.hasLabels {
      switch member(layout.label, RecordLayout.labelNames) {
      case .string(let name)?:
        if RecordLayout.trimmed(name).isEmpty {
          throw bad("the label is empty", "Give the row a label.")
        }
        label = name
      // As it is written: 1 is the label "1", as in the other formats.
      case .number(.integer(let number))?: label = "\(number)"
      case .number(.double(let number))?: label = "\(number)"
      case .array(let names)?:
        answers = names.compactMap(\.stringValue)
        label = answers.joined(separator: "|")
      // As SQuAD has it.
      case .object(let truth)?:
        answers = truth["text"]?.arrayValue?.compactMap(\.stringValue) ?? []
        label = answers.joined(separator: "|")
      default:
        throw bad(
          "no member holds the label; there are: \(Self.names(object))",
          "Name the member with --label-column.")
      }
    }
    var record = Record(
      line: line, input: TextInput(text, pair: pair), label: label, answers: answers)
    for name in rows?.names ?? [] { record.members[name] = object[name] }
    return record
  }

  private static func names(_ object: JSONObject) -> String {
    object.map(\.0).prefix(20).joined(separator: ", ")
  }

  private func bad(_ problem: String, _ mend: String) -> RecordError {
    .malformed(path: path, line: line, problem: problem, mend: mend)
  }
}

/// The text that `bytes` are.
///
/// - Throws: `RecordError` where they are no UTF-8.
func string(_ bytes: [UInt8], _ path: String, _ line: Int) throws(RecordError) -> String {
  if let text = String(validating: bytes, as: UTF8.self) { return text }
  throw .malformed(
    path: path, line: line, problem: "not UTF-8",
    mend:
      "Where the file is from Excel or Windows, give --encoding windows-1252, which Latin-1 is a part of; "
      + "or save it as \"CSV UTF-8\".")
}
