import Tokenization
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
  /// Whether the files say that it scores pairs of texts.
  var isCrossEncoder: Bool { get }
  /// Names of what may be put before texts.
  var promptNames: [String] { get }
  /// What a regression's scores have gone through.
  var scoreActivation: ScoreActivation { get }
  /// What the layers are computed in; nil where there are none.
  var layerPrecision: Precision? { get }
  /// Called often during `predict`, by which a slow model is told from a hung one.
  var progress: (() -> Void)? { get set }
  /// The tokens of one input.
  func encode(_ input: TextInput) throws(PredictionError) -> EncodedInput
  /// One answer for each input, in order, or why there is none.
  func predict(_ inputs: [EncodedInput]) throws -> [Result<Prediction, PredictionError>]
  /// What runs for it: predictors with the same one are asked together.
  var trunk: ObjectIdentifier { get }
  /// Whether both make the same tokens of every input.
  func encodes(like other: any Predictor) -> Bool
  /// One answer for each question to predictors with this one's trunk, in order, or why there is none.
  func predict(_ questions: [Question]) throws -> [Result<Prediction, PredictionError>]
}

/// An input, and who is asked about it.
public struct Question {
  /// Who is asked.
  public let predictor: any Predictor
  /// About what.
  public let input: EncodedInput
}

extension Predictor {
  /// None, unless a model says otherwise.
  public var embeddingDimension: Int { 0 }
  /// No, unless a model says otherwise.
  public var isCrossEncoder: Bool { false }
  /// None, unless a model says otherwise.
  public var promptNames: [String] { [] }
  /// None, unless a model says otherwise.
  public var scoreActivation: ScoreActivation { .identity }
  /// None, unless a model says otherwise.
  public var layerPrecision: Precision? { nil }
  /// Its own, unless a model says otherwise.
  public var trunk: ObjectIdentifier { ObjectIdentifier(self) }
  /// Those of no other, unless a model says otherwise.
  public func encodes(like other: any Predictor) -> Bool { self === other }
  /// All questions are its own, unless a model says otherwise.
  public func predict(
    _ questions: [Question]
  ) throws -> [Result<Prediction, PredictionError>] {
    try predict(questions.map(\.input))
  }
  /// Nothing is told, unless a model says otherwise.
  public var progress: (() -> Void)? {
    get { nil }
    set {}
  }
  /// A token for four bytes, for what needs no tokens.
  public func encode(_ input: TextInput) throws(PredictionError) -> EncodedInput {
    let count = task.definition.tokenEstimate(input, maximum: maximumTokens)
    return try EncodedInput(
      input,
      Encoding(
        ids: [Int32](repeating: 0, count: count), typeIDs: [Int32](repeating: 0, count: count),
        isTruncated: false, unknownCount: 0))
  }
}

extension TextModel: Predictor {
  /// Numbers in one embedding; 0 for other tasks.
  public var embeddingDimension: Int { configuration.embeddingDimension }
  /// Whether the files say that it scores pairs of texts.
  public var isCrossEncoder: Bool { configuration.isCrossEncoder }
  /// Names of what may be put before texts.
  public var promptNames: [String] { configuration.prompts.names }
  /// What a regression's scores have gone through.
  public var scoreActivation: ScoreActivation { configuration.scoreActivation }
  /// What the layers are computed in.
  public var layerPrecision: Precision? { precision }

  /// Whether both make the same tokens of every input.
  public func encodes(like other: any Predictor) -> Bool {
    (other as? TextModel).map { encodes(like: $0) } ?? false
  }

  /// Answers for models over this one's encoder, which runs once.
  public func predict(_ questions: [Question]) -> [Result<Prediction, PredictionError>] {
    TextModel.predict(
      questions.compactMap { question in
        (question.predictor as? TextModel).map { ($0, question.input) }
      })
  }
}
