import Foundation
import Training

extension LabeledDataset {
  /// Reads labelled rows of any format that `RecordReader` knows. A TSV file without header and chosen
  /// columns is `label<TAB>text`.
  ///
  /// - Throws: `TrainingError` or `RecordError`, naming the file and the line.
  public static func read(
    path: String, format: RecordFormat? = nil, textColumn: String? = nil,
    labelColumn: String? = nil
  ) throws -> LabeledDataset {
    var kind = format ?? RecordFormat(path: path)
    if kind == .text { kind = .tsv }
    if kind == .tsv && textColumn == nil && labelColumn == nil && !path.hasSuffix(".gz")
      && !hasHeader(path)
    {
      return try LabeledDataset(path: path)
    }
    var reader = try RecordReader(
      path: path, format: kind,
      columns: RecordColumns(text: textColumn, label: labelColumn, hasLabels: true))
    var rows: [LabeledText] = []
    while let record = try reader.next() {
      guard let label = record.label else { continue }
      rows.append(LabeledText(label: label, text: record.input.text, line: record.line))
    }
    if rows.isEmpty { throw TrainingError.noRows(path: path) }
    return LabeledDataset(path: path, rows: rows)
  }

  /// Whether the first line names a column of labels and one of texts.
  private static func hasHeader(_ path: String) -> Bool {
    guard let file = FileHandle(forReadingAtPath: path) else { return false }
    defer { try? file.close() }
    let start = (try? file.read(upToCount: 4096)) ?? Data()
    let line = String(decoding: start.prefix { $0 != 10 && $0 != 13 }, as: UTF8.self)
    let names = line.lowercased().split(separator: "\t").map(String.init)
    return names.contains { ["label", "labels", "target", "score"].contains($0) }
      && names.contains { ["text", "sentence", "input", "query"].contains($0) }
  }
}
