import Transformer

/// What `/predict` asks. Used from the compute queue alone, so it need not be thread-safe.
public protocol Predictor: AnyObject {
  /// The model's name in `/v1/models`.
  var name: String { get }
  /// Class names in the order of `Classification.probabilities`.
  var labels: [String] { get }
  /// Longest input in tokens; what is longer is truncated.
  var maximumTokens: Int { get }
  /// One classification for each text, in order.
  func classify(_ texts: [String]) throws -> [Classification]
}

extension TextClassifier: Predictor {}
