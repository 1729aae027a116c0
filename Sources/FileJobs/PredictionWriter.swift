import Files
import Foundation
import JSON
import Transformer

/// Writes predictions row by row.
public struct PredictionWriter {
  /// How rows are written.
  public enum Format: String, Sendable, CaseIterable {
    /// Columns between tabs, without a header.
    case tsv
    /// Columns between commas (RFC 4180), with a header.
    case csv
    /// A JSON object a line.
    case jsonl
    /// NumPy's file of a two-dimensional float32 array; for embeddings.
    case npy
  }

  private let format: Format
  private let output: OutputFile
  private let hasScores: Bool
  private let task: ModelTask
  private let signature: ModelSignature
  private var rows = 0

  /// A writer of what `model` says.
  /// - Parameters:
  ///   - hasScores: whether the probability of each label is written.
  ///   - dimensions: numbers that are asked for of each vector; nil for all.
  package init(
    _ output: OutputFile, format: Format, model: TextModel, hasScores: Bool = false,
    dimensions: Int? = nil
  ) throws {
    (self.output, self.format, self.hasScores) = (output, format, hasScores)
    var signature = model.signature
    if let dimensions { signature.dimension = min(signature.dimension, dimensions) }
    (self.signature, task) = (signature, model.task)
    if format == .csv {
      let header = task.definition.columns(signature, hasScores: hasScores)
      try writeLine(header.map(CSVReader.escaped), separator: ",")
    }
    if format == .npy { try output.write(npyHeader(rows: 0)) }
  }

  /// Adds one row.
  ///
  /// - Throws: `PredictionError.notFinite` for numbers that no format can tell, or what the output throws.
  public mutating func write(_ prediction: Prediction) throws {
    guard prediction.value.isFinite else { throw PredictionError.notFinite }
    rows += 1
    switch format {
    case .jsonl:
      try output.write(json(prediction))
    case .npy:
      guard case .vector(let vector) = prediction.value else { return }
      guard vector.count == signature.dimension else {
        throw UnevenVectors(row: rows, count: vector.count, others: signature.dimension)
      }
      for value in vector {
        let bits = value.bitPattern
        try output.write((0..<4).map { UInt8(truncatingIfNeeded: bits >> (8 * $0)) })
      }
    case .csv: try writeLine(columns(prediction.value).map(CSVReader.escaped), separator: ",")
    case .tsv:
      let clean = columns(prediction.value).map {
        $0.escaped { [9, 10, 13].contains($0) ? " " : nil }
      }
      try writeLine(clean, separator: "\t")
    }
  }

  /// Writes what is still held; a file appears now.
  public func finish() throws {
    if format == .npy { try output.rewriteStart(npyHeader(rows: rows)) }
    try output.commit()
  }

  private func writeLine(_ columns: [String], separator: String) throws {
    try output.write((columns.joined(separator: separator) + "\n").utf8)
  }

  private func columns(_ value: Prediction.Value) -> [String] {
    value.columns(labels: signature.labels, hasScores: hasScores)
  }

  private func json(_ prediction: Prediction) throws -> [UInt8] {
    var json = JSONWriter()
    json.raw("{")
    json.string(task.definition.member)
    json.raw(":")
    prediction.value.write(to: &json, labels: signature.labels)
    if case .label(let top, let probabilities) = prediction.value {
      json.raw(#","probability":"#)
      json.number(probabilities[top])
    }
    if hasScores, let all = prediction.classification?.probabilities {
      json.raw(#","scores":{"#)
      for (index, value) in all.enumerated() {
        if index > 0 { json.raw(",") }
        json.string(signature.labels[index])
        json.raw(":")
        json.number(value)
      }
      json.raw("}")
    }
    if prediction.isTruncated { json.raw(#","truncated":true"#) }
    json.raw("}\n")
    return try json.bytes()
  }

  /// Version 1.0 of the format, padded so that the data starts at byte 128.
  private func npyHeader(rows: Int) -> [UInt8] {
    var text =
      "{'descr': '<f4', 'fortran_order': False, 'shape': (\(rows), \(signature.dimension)), }"
    text += String(repeating: " ", count: max(0, 128 - 10 - 1 - text.utf8.count)) + "\n"
    return [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(text.utf8.count), 0] + Array(text.utf8)
  }
}

/// A row of an array has another number of columns than the array.
struct UnevenVectors: Error, Equatable, LocalizedError {
  let row: Int
  let count: Int
  let others: Int

  var errorDescription: String? {
    "row \(row): its vector has \(count) numbers, and an array of NumPy has rows of \(others). "
      + "Give --dimensions for all rows, or write JSON lines."
  }
}
