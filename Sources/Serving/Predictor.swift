import Transformer

/// What `/predict` asks. Used from the compute queue alone, so it need not be thread-safe.
public protocol Predictor: AnyObject {
  /// The model's name in `/v1/models`.
  var name: String { get }
  /// What the model says.
  var task: ModelTask { get }
  /// Names of the outputs in order; empty for embeddings.
  var labels: [String] { get }
  /// Longest input in tokens; what is longer is truncated.
  var maximumTokens: Int { get }
  /// One prediction for each input, in order.
  func predict(_ inputs: [TextInput]) throws -> [Prediction]
}

extension TextModel: Predictor {}
