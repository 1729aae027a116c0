import Transformer

/// Fine-tuning by low-rank additions to a base that stays as it is (LoRA, Hu et al., 2022).
public struct LowRankOptions: Sendable, Equatable {
  /// Rows of A and columns of B.
  public var rank: Int
  /// What B · A is multiplied by, times the rank; twice the rank where it is nil.
  public var alpha: Double?
  /// Share of each addition's inputs that training drops.
  public var dropout: Float
  /// The parts of each block that get an addition: queries and values, as the paper found best for a given size.
  public var targets: Set<AdapterShape.Target>

  /// Additions of `rank` to queries and values.
  public init(
    rank: Int, alpha: Double? = nil, dropout: Float = 0,
    targets: Set<AdapterShape.Target> = [.query, .value]
  ) {
    (self.rank, self.alpha, self.dropout, self.targets) = (rank, alpha, dropout, targets)
  }

  /// The additions to a model of `shape`.
  ///
  /// - Throws: `TrainingError.badOption` for the first value that makes no sense.
  func adapter(_ shape: ModelShape) throws(TrainingError) -> AdapterShape {
    try TrainingError.check("--lora", rank, in: 1...shape.hiddenSize)
    let alpha = alpha ?? Double(2 * rank)
    guard alpha > 0, alpha <= 100_000 else {
      throw .badOption(
        name: "--lora-alpha", value: "\(alpha)", allowed: "above 0 and at most 100000")
    }
    guard dropout >= 0, dropout < 1 else {
      throw .badOption(
        name: "--lora-dropout", value: "\(dropout)", allowed: "at least 0 and below 1")
    }
    let adapter = shape.adapter(
      rank: rank, scale: Float(alpha / Double(rank)), dropout: dropout, targets: targets)
    guard !adapter.additions.isEmpty else {
      throw .badOption(
        name: "--lora-targets", value: "", allowed: "one part of a block, such as query")
    }
    return adapter
  }
}
