import Foundation
import Tensor
import Tokenization
import Transformer

/// How well a text answers a query: a cross-encoder with one sigmoid and binary cross-entropy, as sentence-transformers'
/// `CrossEncoder` trains it, judged by the order of each query's texts.
package struct RerankObjective: TrainingObjective {
  /// An objective for rows of query, text and relevance.
  ///
  /// - Throws: `TrainingError` naming the line of a row that is none, or `.oneClass` where all are as relevant.
  package init(_ dataset: LabeledDataset) throws {
    let relevances = try dataset.rows.map { try Self.relevance($0, path: dataset.path) }
    guard Set(relevances).count > 1 else {
      throw TrainingError.oneClass(path: dataset.path, label: dataset.rows.first?.label ?? "")
    }
  }

  package var modelTask: ModelTask { .regression }
  package var scoreActivation: ScoreActivation { .sigmoid }
  package let labels = ["score"]
  package let scoreName = "NDCG@10"

  private static func relevance(_ row: LabeledText, path: String) throws -> Float {
    guard row.pair != nil else { throw TrainingError.noPair(path: path, line: row.line) }
    guard let value = Float(row.label), (0...1).contains(value) else {
      throw TrainingError.notRelevance(path: path, line: row.line, label: row.label)
    }
    return value
  }

  package func example(
    _ row: LabeledText, path: String, tokenizer: Tokenizer, maximumTokens: Int
  ) throws -> TrainingExample {
    var example = try tokens(
      row, path: path, tokenizer: tokenizer, maximumTokens: maximumTokens)
    example.target = [try Self.relevance(row, path: path)]
    // Rows of one query have one number.
    example.label = Int(truncatingIfNeeded: FNV1a.of(row.text.utf8) >> 1)
    return example
  }

  package func loss(over rows: [TrainingExample], _ options: TrainingOptions) -> TaskLoss {
    let mean =
      rows.reduce(0.0) { $0 + Double($1.target.first ?? 0) } / Double(max(1, rows.count))
    return TaskLoss(chance: BinaryCrossEntropy.entropy(mean)) { logits, rows, scale, gradient in
      BinaryCrossEntropy.loss(
        logits: logits, targets: rows.map(\.target), scale: scale, gradient: gradient)
    }
  }

  package func figures(
    _ rows: [TrainingExample], outputs: ([Int]) throws(EmptySequence) -> Matrix
  ) throws(EmptySequence) -> ValidationFigures {
    var (pairs, loss) = ([RankingReport.Pair](), 0.0)
    try Evaluation.each(rows, outputs: outputs) { row, values in
      let (score, relevance) = (Double(values[0]), Double(rows[row].target[0]))
      loss += BinaryCrossEntropy.loss(score, relevance)
      pairs.append((rows[row].label, relevance, score))
    }
    let report = RankingReport(pairs)
    return ValidationFigures(
      loss: loss / Double(max(1, rows.count)), score: report.ndcg10 ?? 0,
      report: .ranking(report))
  }
}
