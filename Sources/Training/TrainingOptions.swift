/// How to train. The defaults are for a small model trained from nothing.
public struct TrainingOptions: Sendable, Equatable {
  /// Passes over the training rows.
  public var epochs = 20
  /// Rows a step.
  public var batchSize = 32
  /// Highest learning rate.
  public var learningRate = 1e-3
  /// Multiplies the rate of embedding tables. The 2017 paper scales embeddings by √d, which under Adam
  /// is a √d longer step for them; here the scale stands in the optimiser, so that the stored tables
  /// are those that `transformers` reads.
  public var embeddingRateScale = 10.0
  /// Share of all steps that warm up.
  public var warmupShare = 0.1
  /// The fall behind the warm-up.
  public var decay = LearningRateSchedule.Decay.linear
  /// Decoupled weight decay; biases and norms are spared.
  public var weightDecay = 0.01
  /// Longest gradient, by global norm (Pascanu, Mikolov and Bengio, 2013); 0 switches clipping off.
  public var clipNorm = 1.0
  /// Share of probability spread over all classes (Szegedy et al., 2016).
  public var labelSmoothing = 0.0
  /// Share of ordinary tokens replaced by the unknown token at each step (Iyyer et al., 2015).
  public var wordDropout = 0.1
  /// Weights that are evaluated and kept are an exponential moving average with this factor; 0
  /// takes the weights themselves.
  public var averageDecay = 0.0
  /// Stop after this many epochs without a better validation accuracy; 0 never stops.
  public var patience = 6
  /// Decides initial weights, order, dropout.
  public var seed: UInt64 = 1

  /// The defaults.
  public init() {}

  /// - Throws: `TrainingError.badOption` for the first value that makes no sense.
  public func validate() throws {
    func check(_ name: String, _ value: Double, _ allowed: String, _ good: Bool) throws {
      if !good { throw TrainingError.badOption(name: name, value: "\(value)", allowed: allowed) }
    }
    try check(
      "--learning-rate", learningRate, "above 0 and at most 1",
      learningRate > 0 && learningRate <= 1)
    try check(
      "--embedding-rate-scale", embeddingRateScale, "from 0 to 100",
      embeddingRateScale >= 0 && embeddingRateScale <= 100)
    try check("--epochs", Double(epochs), "from 1 to 10000", (1...10000).contains(epochs))
    try check("--batch", Double(batchSize), "from 1 to 4096", (1...4096).contains(batchSize))
    try check("--warmup", warmupShare, "from 0 to 0.9", warmupShare >= 0 && warmupShare <= 0.9)
    try check("--weight-decay", weightDecay, "from 0 to 1", weightDecay >= 0 && weightDecay <= 1)
    try check("--clip", clipNorm, "0 or above", clipNorm >= 0 && clipNorm.isFinite)
    try check(
      "--label-smoothing", labelSmoothing, "from 0 to 0.5",
      labelSmoothing >= 0 && labelSmoothing <= 0.5)
    try check(
      "--word-dropout", wordDropout, "from 0 to 0.9", wordDropout >= 0 && wordDropout <= 0.9)
    try check(
      "--average", averageDecay, "at least 0 and below 1", averageDecay >= 0 && averageDecay < 1)
    try check("--patience", Double(patience), "0 or above", patience >= 0)
  }
}
