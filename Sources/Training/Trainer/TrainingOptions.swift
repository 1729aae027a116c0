/// How to train. The defaults are for a small model trained from nothing.
public struct TrainingOptions: Sendable, Equatable {
  /// Passes over the training rows.
  public var epochs = 20
  /// Rows that pass through the model together; fewer where there are fewer.
  public var batchSize = 32
  /// Batches whose gradients make up one step.
  public var accumulation = 1
  /// Which optimiser.
  public var optimizer = OptimizerOptions()
  /// Highest learning rate.
  public var learningRate = 1e-3
  /// Multiplies the rate of embedding tables. The 2017 paper scales embeddings by √d, which under Adam
  /// is a √d longer step for them; here the scale stands in the optimiser, so that the stored tables
  /// are those that `transformers` reads.
  public var embeddingRateScale = 10.0
  /// The linear rise at the start.
  public var warmup = WarmupLength.share(0.1)
  /// What the rate does behind the warm-up.
  public var schedule = ScheduleShape.linear
  /// Share of the peak that the schedule ends at instead of 0.
  public var scheduleFloor = 0.0
  /// Decoupled weight decay; biases and norms are spared.
  public var weightDecay = 0.01
  /// Longest gradient, by global norm (Pascanu, Mikolov and Bengio, 2013); 0 switches clipping off.
  public var clipNorm = 1.0
  /// Share of probability spread over all classes (Szegedy et al., 2016).
  public var labelSmoothing = 0.0
  /// How much each class counts in the loss.
  public var classWeighting = ClassWeighting.none
  /// What each layer's rate is of that of the layer above it; 1 for all alike.
  public var layerDecay = 1.0
  /// Lowest encoder layers that do not learn; the embeddings then do not either.
  public var frozenLayers = 0
  /// What learns.
  public var learns = Learned.weights
  /// Whether the embeddings do not learn.
  public var freezesEmbeddings = false
  /// With n above 0, the head and the last layer learn first, and every n epochs one more layer.
  public var unfreezeEpochs = 0
  /// Epochs at the start in which the head alone learns.
  public var headEpochs = 0
  /// Whether a new head on another model's encoder is first fitted to that encoder as it is.
  public var warmsHead = false
  /// What the rate is multiplied by when a `plateau` schedule falls.
  public var plateauFactor = 0.1
  /// Whether the trainer returns to the last good state and lowers the rate when the loss goes wrong.
  public var watchesLoss = true
  /// Epochs after which to stop for now, for a search that goes on with the best; nil for none.
  public var stopAfterEpochs: Int?
  /// Share of ordinary tokens replaced by the unknown token at each step (Iyyer et al., 2015).
  public var wordDropout = 0.1
  /// Share of tokens that are split into two others at each step (see `SubwordSplits`).
  public var subwordDropout = 0.3
  /// What the disagreement of two passes over each row, with different dropout, counts beside the loss (see
  /// `Consistency`); with 0 there is one pass.
  public var consistency = 0.0
  /// What part of each row's target a linear model of words and pairs of words has (see `NGramTeacher`); the
  /// label has the rest.
  public var teacherShare = 0.5
  /// The label that stands for "none of the others" (see `OutOfScopePreference`).
  public var outOfScopeLabel: String?
  /// How much of the accuracy on the other labels' validation rows finding its texts may cost.
  public var outOfScopeCost = 0.01
  /// Weights that are evaluated and kept are an exponential moving average with this factor; 0
  /// takes the weights themselves.
  public var averageDecay = 0.0
  /// Stop after this many epochs in which neither the validation's calibrated loss nor its accuracy became better; 0
  /// never stops, nil is half of the epochs, but at least 6: most is gained while the rate falls to its end.
  public var patience: Int?
  /// Decides initial weights, order, dropout.
  public var seed: UInt64 = 1

  /// What of a model learns.
  public enum Learned: String, Sendable {
    /// All weights, but for those that other options freeze.
    case weights
    /// The head alone.
    case head
    /// The head, and low-rank additions to weights that stay as they are.
    case additions
  }

  /// The defaults of training from nothing.
  public init() {}

  /// The defaults of going on from another model's weights.
  public static var fineTuning: TrainingOptions {
    var options = TrainingOptions()
    options.epochs = 4
    options.embeddingRateScale = 1
    (options.wordDropout, options.subwordDropout, options.teacherShare) = (0, 0, 0)
    options.layerDecay = 0.9
    options.warmsHead = true
    return options
  }

  /// Epochs of fine-tuning where none are asked for: about 40,000 rows in all, since a small set needs
  /// as many steps as a larger one for its labels to reach the lower layers; from 2 to 10.
  public static func fineTuningEpochs(rows: Int) -> Int {
    min(max((40_000 + rows / 2) / max(rows, 1), 2), 10)
  }

  /// Epochs of training from nothing where none are asked for: about 180,000 rows in all, from 6 to 20. With
  /// more a large set is known by heart long before the rate has fallen, and the end of the fall is lost.
  public static func epochs(rows: Int) -> Int { min(max(180_000 / max(rows, 1), 6), 20) }

  /// The rate where none is given: AdamW's usual one, by the optimiser's own step length.
  ///
  /// In fine-tuning it falls with the square of the width, through what the authors of small and large
  /// encoders recommend: 2e-4 at MiniLM's 384, 5e-5 at BERT-base's 768, 2.8e-5 at BERT-large's 1024
  /// (Devlin et al., 2019, appendix A.3; Turc et al., 2019, for small ones), at most 3e-4.
  ///
  /// Low-rank additions bear about ten times the rate of all weights (Hu et al., 2022, appendix D, against Liu et al., 2019), a head
  /// on its own that of training from nothing.
  public func defaultRate(width: Int, isFineTuning: Bool) -> Double {
    let ratio = 384 / Double(max(width, 1))
    let tuned = min(2e-4 * ratio * ratio, 3e-4)
    let rate =
      switch learns {
      case .weights: isFineTuning ? tuned : 1e-3
      case .additions: min(10 * tuned, 1e-3)
      case .head: 1e-3
      }
    return rate * optimizer.rateScale
  }

  /// Fits what the user left open to the encoder and to the rows.
  ///
  /// - Throws: `TrainingError.badOption` for a batch that the user asked for and that is larger than the rows.
  public mutating func adapt(
    width: Int, rows: Int, isFineTuning: Bool, choosesRate: Bool, choosesEpochs: Bool,
    choosesBatch: Bool
  ) throws(TrainingError) {
    if choosesBatch { batchSize = min(batchSize, max(1, rows)) }
    guard batchSize <= max(1, rows) else {
      throw .badOption(
        name: "--batch", value: "\(batchSize)", allowed: "at most the \(rows) training rows")
    }
    if choosesRate { learningRate = defaultRate(width: width, isFineTuning: isFineTuning) }
    if choosesEpochs {
      epochs = isFineTuning ? Self.fineTuningEpochs(rows: rows) : Self.epochs(rows: rows)
    }
  }

  /// - Throws: `TrainingError.badOption` for the first value that makes no sense.
  public func validate() throws {
    func check(_ name: String, _ value: Double, _ allowed: String, _ good: Bool) throws {
      if !good { throw TrainingError.badOption(name: name, value: "\(value)", allowed: allowed) }
    }
    try check(
      "--learning-rate", learningRate, "above 0 and at most 10",
      learningRate > 0 && learningRate <= 10)
    try check(
      "--embedding-rate-scale", embeddingRateScale, "from 0 to 100",
      embeddingRateScale >= 0 && embeddingRateScale <= 100)
    try check("--epochs", Double(epochs), "from 1 to 10000", (1...10000).contains(epochs))
    try check("--batch", Double(batchSize), "from 1 to 4096", (1...4096).contains(batchSize))
    try warmup.validate()
    try optimizer.validate()
    try check(
      "--accumulate", Double(accumulation), "from 1 to 1024", (1...1024).contains(accumulation))
    try check(
      "--layer-decay", layerDecay, "above 0 and at most 1", layerDecay > 0 && layerDecay <= 1)
    try check("--freeze-layers", Double(frozenLayers), "0 or above", frozenLayers >= 0)
    try check("--unfreeze-every", Double(unfreezeEpochs), "0 or above", unfreezeEpochs >= 0)
    try check(
      "--head-epochs", Double(headEpochs), "0 or more, below the epochs",
      headEpochs >= 0 && (headEpochs == 0 || headEpochs < epochs))
    if let stopAfterEpochs {
      try check("--stop-after", Double(stopAfterEpochs), "1 or above", stopAfterEpochs >= 1)
    }
    try check("--weight-decay", weightDecay, "from 0 to 1", weightDecay >= 0 && weightDecay <= 1)
    try check("--clip", clipNorm, "0 or above", clipNorm >= 0 && clipNorm.isFinite)
    try check(
      "--label-smoothing", labelSmoothing, "from 0 to 0.5",
      labelSmoothing >= 0 && labelSmoothing <= 0.5)
    try check(
      "--word-dropout", wordDropout, "from 0 to 0.9", wordDropout >= 0 && wordDropout <= 0.9)
    try check(
      "--subword-dropout", subwordDropout, "from 0 to 0.9",
      subwordDropout >= 0 && subwordDropout <= 0.9)
    try check("--teacher", teacherShare, "from 0 to 1", teacherShare >= 0 && teacherShare <= 1)
    try check(
      "--out-of-scope-cost", outOfScopeCost, "from 0 to 1",
      outOfScopeCost >= 0 && outOfScopeCost <= 1)
    try check("--consistency", consistency, "from 0 to 100", consistency >= 0 && consistency <= 100)
    try check(
      "--average", averageDecay, "at least 0 and below 1", averageDecay >= 0 && averageDecay < 1)
    if let patience { try check("--patience", Double(patience), "0 or above", patience >= 0) }
  }
}
