import Files
import Training

extension LabeledDataset {
  /// Reads labelled rows of any format that `RecordReader` knows. A table without header and chosen columns is label and text.
  ///
  /// - Parameter note: hears what a user should know of how the rows were read.
  /// - Throws: `TrainingError`, `RecordError` or `FileError`, naming the file and the line.
  public static func read(
    path: String, format: RecordFormat? = nil, layout: RecordLayout = RecordLayout(),
    note: (String) -> Void = { _ in }
  ) throws -> LabeledDataset {
    var (layout, kind) = (layout, format ?? RecordFormat(path: path))
    layout.hasLabels = true
    if kind == .text { kind = .tsv }
    var reader = try RecordReader(path: path, format: kind, layout: layout)
    var rows: [LabeledText] = []
    while let record = try reader.next() {
      guard let label = record.label, record.words.isEmpty else {
        throw RecordError.malformed(
          path: path, line: record.line, problem: "the row has a label for each token",
          mend: "Give one label a text: {\"text\": \"…\", \"label\": \"…\"}.")
      }
      rows.append(
        LabeledText(
          label: label, text: record.input.text, pair: record.input.pair, line: record.line))
    }
    reader.notes.forEach(note)
    if rows.isEmpty { throw TrainingError.noRows(path: path) }
    if let fields = reader.firstFields { try refuseHeader(fields, rows, path) }
    return LabeledDataset(path: path, rows: rows)
  }

  /// Refuses a first row that looks like a header of unknown names: no other row has its label, while others' labels come again
  /// or are numbers.
  private static func refuseHeader(
    _ fields: [String], _ rows: [LabeledText], _ path: String
  ) throws(RecordError) {
    guard fields.count > 1, RecordLayout.areNames(fields), rows.count > 2 else { return }
    var counts: [[UInt8]: Int] = [:]
    for row in rows { counts[Array(row.label.utf8), default: 0] += 1 }
    let first = Array(rows[0].label.utf8)
    let others = counts.filter { $0.key != first }
    let areNumbers = others.allSatisfy { Double(String(decoding: $0.key, as: UTF8.self)) != nil }
    // Of a few rows a label may well come once.
    let comeAgain = rows.count > 7 && others.allSatisfy { $0.value > 1 }
    guard counts[first] == 1, areNumbers || comeAgain else { return }
    throw .malformed(
      path: path, line: rows[0].line,
      problem:
        "\"\(fields.joined(separator: "\", \""))\" looks like a header, since no other row has the label "
        + "\"\(rows[0].label)\"",
      mend:
        "Name its columns, such as --label-column '\(fields[0])' --column '\(fields[1])'; where it is a row, "
        + "give --no-header.")
  }
}
