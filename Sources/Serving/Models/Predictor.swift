import Transformer

/// What answers for a model. Used from one queue alone, so it need not be thread-safe.
public protocol Predictor: AnyObject {
  /// The model's name where it is given no other.
  var name: String { get }
  /// What the model says.
  var task: ModelTask { get }
  /// Names of the outputs in order; empty for embeddings.
  var labels: [String] { get }
  /// Longest input in tokens; what is longer is truncated.
  var maximumTokens: Int { get }
  /// Numbers in one embedding; 0 for other tasks.
  var embeddingDimension: Int { get }
  /// What a regression's scores have gone through.
  var scoreActivation: ScoreActivation { get }
  /// Nanoseconds that the latest `predict` took to cut its texts into tokens.
  var tokenizationNanoseconds: Int64 { get }
  /// One prediction for each input, in order.
  func predict(_ inputs: [TextInput]) throws -> [Prediction]
}

extension Predictor {
  /// None, unless a model says otherwise.
  public var embeddingDimension: Int { 0 }
  /// None, unless a model says otherwise.
  public var scoreActivation: ScoreActivation { .identity }
  /// None, unless a model says otherwise.
  public var tokenizationNanoseconds: Int64 { 0 }
}

extension TextModel: Predictor {
  /// Numbers in one embedding; 0 for other tasks.
  public var embeddingDimension: Int { configuration.embeddingDimension }
  /// What a regression's scores have gone through.
  public var scoreActivation: ScoreActivation { configuration.scoreActivation }
}
