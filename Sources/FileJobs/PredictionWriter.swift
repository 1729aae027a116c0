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
  private let labels: [String]
  private let hasScores: Bool
  private let task: ModelTask
  private let dimension: Int
  private var rows = 0

  /// A writer of what `model` says.
  /// - Parameter hasScores: whether the probability of each label is written.
  package init(
    _ output: OutputFile, format: Format, model: TextModel, hasScores: Bool = false
  ) throws {
    (self.output, self.format, self.hasScores) = (output, format, hasScores)
    (labels, task) = (model.labels, model.task)
    dimension = model.configuration.embeddingDimension
    if format == .csv { try writeLine(header.map(CSVReader.escaped), separator: ",") }
    if format == .npy { try output.write(npyHeader(rows: 0)) }
  }

  /// Adds one row.
  ///
  /// - Throws: `PredictionError.notFinite` for numbers that no format can tell, or what the output throws.
  public mutating func write(_ prediction: Prediction) throws {
    guard prediction.isFinite else { throw PredictionError.notFinite }
    rows += 1
    switch format {
    case .jsonl:
      var bytes = json(prediction).serializedBytes()
      bytes.append(10)
      try output.write(bytes)
    case .npy:
      guard case .vector(let vector) = prediction.value else { return }
      for value in vector {
        let bits = value.bitPattern
        try output.write((0..<4).map { UInt8(truncatingIfNeeded: bits >> (8 * $0)) })
      }
    case .csv: try writeLine(columns(prediction).map(CSVReader.escaped), separator: ",")
    case .tsv:
      let clean = columns(prediction).map { $0.escaped { [9, 10, 13].contains($0) ? " " : nil } }
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

  private var header: [String] {
    switch task {
    case .classification: ["prediction", "probability"] + (hasScores ? labels : [])
    case .multiLabelClassification: ["prediction"] + (hasScores ? labels : [])
    case .regression: labels.count == 1 ? ["prediction"] : labels
    case .tokenClassification: ["prediction"]
    case .embedding: (0..<dimension).map { "v\($0)" }
    }
  }

  private func columns(_ prediction: Prediction) -> [String] {
    switch prediction.value {
    case .label(let top, let probabilities):
      let scores = hasScores ? probabilities.map(Self.digits) : []
      return [labels[top], Self.digits(probabilities[top])] + scores
    case .labels(let chosen, let probabilities):
      let scores = hasScores ? probabilities.map(Self.digits) : []
      return [chosen.map { labels[$0] }.joined(separator: "|")] + scores
    case .scores(let numbers), .vector(let numbers): return numbers.map { "\($0)" }
    case .tokens(let tokens):
      return [tokens.map { "\($0.token)/\(labels[$0.labelIndex])" }.joined(separator: " ")]
    }
  }

  private static func digits(_ value: Float) -> String { String(format: "%.4f", value) }

  private func json(_ prediction: Prediction) -> JSONValue {
    func number(_ value: Float) -> JSONValue { JSONValue(Double("\(value)") ?? Double(value)) }
    var object = JSONObject()
    switch prediction.value {
    case .label(let top, let probabilities):
      object["prediction"] = .string(labels[top])
      object["probability"] = number(probabilities[top])
    case .labels(let chosen, _):
      object["prediction"] = .array(chosen.map { .string(labels[$0]) })
    case .scores(let scores) where scores.count == 1: object["prediction"] = number(scores[0])
    case .scores(let scores): object["prediction"] = .array(scores.map(number))
    case .vector(let vector): object["embedding"] = .array(vector.map(number))
    case .tokens(let tokens):
      object["prediction"] = .array(
        tokens.map {
          [
            "token": .string($0.token), "label": .string(labels[$0.labelIndex]),
            "score": number($0.probability),
          ]
        })
    }
    if hasScores, let all = prediction.classification?.probabilities {
      var scores = JSONObject()
      for (label, value) in zip(labels, all) { scores[label] = number(value) }
      object["scores"] = .object(scores)
    }
    if prediction.isTruncated { object["truncated"] = true }
    return .object(object)
  }

  /// Version 1.0 of the format, padded so that the data starts at byte 128.
  private func npyHeader(rows: Int) -> [UInt8] {
    var text = "{'descr': '<f4', 'fortran_order': False, 'shape': (\(rows), \(dimension)), }"
    text += String(repeating: " ", count: max(0, 128 - 10 - 1 - text.utf8.count)) + "\n"
    return [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(text.utf8.count), 0] + Array(text.utf8)
  }
}
