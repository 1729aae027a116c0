import Tensor
import Tokenization
import Transformer

/// What a model is trained for. A task is one type in one file: what a row's truth is, the loss with its gradient, and the figures
/// by which an epoch is kept. Trainer, schedules, watch, checkpoints and searches know a task by this alone.
package protocol TrainingObjective: Sendable {
  /// What the model is, once it is trained.
  var modelTask: ModelTask { get }
  /// What the outputs go through when the model is asked.
  var scoreActivation: ScoreActivation { get }
  /// Names of the outputs, in order.
  var labels: [String] { get }
  /// What `ValidationFigures.score` is.
  var scoreName: String { get }
  /// A row as the model sees it, at most `maximumTokens` long, with its truth.
  ///
  /// - Throws: `TrainingError` naming file and line.
  func example(
    _ row: LabeledText, path: String, tokenizer: Tokenizer, maximumTokens: Int
  ) throws -> TrainingExample
  /// The loss over rows like these.
  func loss(over rows: [TrainingExample], _ options: TrainingOptions) -> TaskLoss
  /// Figures of a model whose outputs are [rows, labels] for some of the rows, by their numbers.
  ///
  /// - Throws: what `outputs` throws.
  func figures(
    _ rows: [TrainingExample], outputs: ([Int]) throws(EmptySequence) -> Matrix
  ) throws(EmptySequence) -> ValidationFigures
  /// Gives a new head what is known of its outputs before a row is seen.
  func prepare(_ parameters: ModelParameters)
}

/// A task's loss over the rows of a run.
package struct TaskLoss {
  /// The loss of a model that knows how often each answer is right and nothing else.
  package let chance: Double
  /// The mean loss of `rows`, whose `outputs` are [rows, labels]; `gradient` (the same shape, and maybe the same storage) gets
  /// `scale` · ∂loss/∂outputs.
  package let evaluate:
    (_ outputs: Matrix, _ rows: [TrainingExample], _ scale: Double, _ gradient: Matrix) -> Double
}

extension TrainingObjective {
  /// Nothing, unless a task says otherwise.
  package var scoreActivation: ScoreActivation { .identity }

  /// Nothing, unless a task says otherwise.
  package func prepare(_ parameters: ModelParameters) {}

  /// The tokens of a row's text, or pair of texts.
  ///
  /// - Throws: `TrainingError.noTokens`.
  func tokens(
    _ row: LabeledText, path: String, tokenizer: Tokenizer, maximumTokens: Int
  ) throws -> TrainingExample {
    if row.pair != nil && tokenizer.frameCount(isPair: true) >= maximumTokens {
      throw TrainingError.noTokens(path: path, line: row.line)
    }
    let encoding = tokenizer.encode(row.text, pair: row.pair, maximumLength: maximumTokens)
    guard !encoding.ids.isEmpty else {
      throw TrainingError.noTokens(path: path, line: row.line)
    }
    let isPair = row.pair != nil && encoding.typeIDs.contains { $0 != 0 }
    return TrainingExample(ids: encoding.ids, typeIDs: isPair ? encoding.typeIDs : [], label: 0)
  }
}

/// Figures of a model on validation rows: what every task has, and the task's own.
public struct ValidationFigures: Sendable, Equatable, Codable {
  /// The figures of a task.
  public enum Report: Sendable, Equatable, Codable {
    /// One label of several.
    case classification(ClassificationReport)
    /// Sets of labels.
    case multiLabel(MultiLabelReport)
    /// Numbers.
    case regression(RegressionReport)
    /// Texts in order of their use for queries.
    case ranking(RankingReport)
  }

  /// Mean loss.
  public let loss: Double
  /// By what epochs are compared, the lower the better: the loss, or what is left of it once confidence is mended.
  public let keptBy: Double
  /// The task's figure, the higher the better, 1 at best.
  public let score: Double
  /// The score of always giving one answer.
  public let guess: Double
  /// All figures.
  public let report: Report

  /// The figures of a classifier.
  init(_ report: ClassificationReport) {
    (loss, keptBy, score) = (report.loss, report.calibratedLoss, report.accuracy)
    (guess, self.report) = (report.largestShare, .classification(report))
  }

  /// The figures of a task whose epochs are compared by the loss.
  init(loss: Double, score: Double, report: Report) {
    (self.loss, keptBy, self.score) = (loss, loss, score)
    (guess, self.report) = (0, report)
  }

  /// The figures that matter most, by name.
  public var summary: [(name: String, value: String)] {
    func percent(_ share: Double?) -> String {
      share.map { String(format: "%.2f %%", $0 * 100) } ?? "not defined"
    }
    let own: [(String, String)] =
      switch report {
      case .classification(let report):
        [
          ("accuracy", percent(report.accuracy)),
          ("macro-F1", ClassificationReport.text(report.macroF1)),
        ]
      case .multiLabel(let report):
        [
          ("micro-F1", ClassificationReport.text(report.microF1)),
          ("macro-F1", ClassificationReport.text(report.macroF1)),
          ("subset accuracy", percent(report.subsetAccuracy)),
        ]
      case .regression(let report):
        [
          ("Spearman", ClassificationReport.text(report.spearman)),
          ("Pearson", ClassificationReport.text(report.pearson)),
          ("squared error", ClassificationReport.text(report.meanSquaredError)),
        ]
      case .ranking(let report):
        [
          ("NDCG@10", ClassificationReport.text(report.ndcg10)),
          ("MRR@10", ClassificationReport.text(report.mrr10)), ("queries", "\(report.queries)"),
        ]
      }
    return own + [("loss", ClassificationReport.text(loss))]
  }

  /// Figures by label, with the names of the columns; nil where there are none.
  var byLabel: (columns: [String], rows: [[String]])? {
    switch report {
    case .classification(let report):
      (
        ["label", "precision", "recall", "F1"],
        report.labels.indices.map { label in
          [report.labels[label]]
            + [report.precision(label), report.recall(label), report.f1(label)]
            .map(ClassificationReport.text)
        }
      )
    case .multiLabel(let report):
      (
        ["label", "F1"],
        report.labels.indices.map {
          [report.labels[$0], ClassificationReport.text(report.f1($0))]
        }
      )
    case .regression, .ranking: nil
    }
  }

  /// A classifier's figures; nil for other tasks.
  public var classification: ClassificationReport? {
    if case .classification(let report) = report { report } else { nil }
  }
}
