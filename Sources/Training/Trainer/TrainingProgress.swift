import Tensor
import Transformer

/// One row as the model sees it.
public struct TrainingExample: Sendable, Equatable {
  /// Token ids, special tokens included.
  public var ids: [Int32]
  /// Segment of each token; empty where all are of the first.
  public var typeIDs: [Int32]
  /// Index of the label, where a row has one.
  public var label: Int
  /// The truth in numbers, by task: how likely each label is to be learned, where that is not all on `label`; which of several
  /// labels apply; the numbers of a regression.
  public var target: [Float]

  /// A row.
  public init(ids: [Int32], typeIDs: [Int32] = [], label: Int, target: [Float] = []) {
    (self.ids, self.typeIDs, self.label, self.target) = (ids, typeIDs, label, target)
  }
}

/// What the trainer tells while it works.
public struct TrainingProgress: Sendable {
  /// Steps done, from 1.
  public var step: Int
  /// Steps of the whole run.
  public var totalSteps: Int
  /// Epoch, from 1.
  public var epoch: Int
  /// Smoothed training loss.
  public var loss: Double
  /// Learning rate of this step.
  public var learningRate: Double
  /// Tokens a second since the start.
  public var tokensPerSecond: Double
  /// Seconds that the rest will take at this speed.
  public var secondsLeft: Double
  /// The validation figures, after an epoch's last step.
  public var validation: ValidationFigures?
  /// What `validation.score` is.
  public var scoreName: String
  /// Whether that validation is the best so far.
  public var isBest: Bool
  /// What the trainer just did by itself, and why.
  public var message: String?
}

/// What a run leaves behind.
public struct TrainingResult: Sendable {
  /// Weights of the best validation.
  public var parameters: ModelParameters
  /// Its figures.
  public var validation: ValidationFigures
  /// Epoch of the best validation, from 1.
  public var bestEpoch: Int
  /// Epochs run.
  public var epochs: Int
  /// Tokens a second over the run.
  public var tokensPerSecond: Double
  /// Wall-clock seconds.
  public var seconds: Double
  /// Steps taken.
  public var steps: Int
  /// Tokens read.
  public var tokens: Int
  /// Losses, rates, looks and what the trainer did by itself.
  public var history: TrainingHistory
  /// How much the out-of-scope label is preferred, where there is one.
  public var outOfScope: OutOfScopePreference?
}

extension TokenBatch {
  /// The tokens of `rows`, with their segments where a model of this shape tells segments apart.
  ///
  /// - Throws: `EmptySequence` for a row without tokens.
  static func of(
    _ rows: some Collection<TrainingExample>, in shape: ModelShape
  ) throws(EmptySequence) -> TokenBatch {
    guard shape.embeddings.tokenTypeCount > 1, rows.contains(where: { !$0.typeIDs.isEmpty }) else {
      return try TokenBatch(rows.map(\.ids))
    }
    return try TokenBatch(
      rows.map(\.ids),
      tokenTypes: rows.map {
        $0.typeIDs.isEmpty ? [Int32](repeating: 0, count: $0.ids.count) : $0.typeIDs
      })
  }
}

extension Encoder {
  /// Logits [rows, labels] of `rows`, or of their tokens where the head reads each.
  ///
  /// - Throws: `EmptySequence` for a row without tokens.
  func logits(of rows: some Collection<TrainingExample>) throws(EmptySequence) -> Matrix {
    logits(try TokenBatch.of(rows, in: shape))
  }
}
