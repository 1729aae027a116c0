import Synchronization
import Tokenization
import Transformer

/// What the API says of a model, as values that any queue may read.
public struct ModelDescription: Sendable, Equatable {
  /// The name in paths.
  public var name: String
  /// Which of the model's versions it is.
  public var version: String
  /// What the model says.
  public var task: ModelTask
  /// Names of the outputs in order; empty for embeddings.
  public var labels: [String]
  /// Longest input in tokens.
  public var maximumTokens: Int
  /// Numbers in one embedding; 0 for other tasks.
  public var embeddingDimension: Int
  /// Names of what may be put before texts.
  public var prompts: [String]
  /// Whether the files say that it scores pairs of texts.
  public var isCrossEncoder: Bool
  /// What a regression's scores have gone through.
  public var scoreActivation: ScoreActivation
  /// What the layers are computed in; nil where there are none.
  public var precision: Precision?

  /// What `predictor` says of itself, under a name and a version.
  public init(_ predictor: any Predictor, name: String, version: String) {
    self.name = name
    self.version = version
    task = predictor.task
    labels = predictor.labels
    maximumTokens = predictor.maximumTokens
    embeddingDimension = predictor.embeddingDimension
    prompts = predictor.promptNames
    isCrossEncoder = predictor.isCrossEncoder
    scoreActivation = predictor.scoreActivation
    precision = predictor.layerPrecision
  }

  /// Whether the outputs are probabilities of labels for the whole text.
  var hasProbabilities: Bool { task.definition.hasProbabilities }
  /// What describes its inputs and answers.
  var signature: ModelSignature {
    ModelSignature(labels: labels, dimension: embeddingDimension, prompts: prompts)
  }
  /// What protocols of tensors get.
  var outputs: [TensorOutput] { task.definition.outputs(signature) }

  /// Tokens that inputs will have at most, as their bytes suggest; for batching, not for truth.
  func tokenEstimate(_ inputs: [TextInput]) -> Int {
    inputs.reduce(0) { $0 + tokenEstimate($1) }
  }

  /// The same for one input.
  func tokenEstimate(_ input: TextInput) -> Int {
    task.definition.tokenEstimate(input, maximum: maximumTokens)
  }
}

/// What versions have in common that one forward pass serves: how long it takes.
package final class ServedTrunk: Sendable {
  private let measured = Mutex(BatchTime())

  /// Nothing is measured yet.
  package init() {}

  /// What was measured until now.
  package var time: BatchTime { measured.withLock { $0 } }

  /// Takes a batch into it; `estimate` is the tokens that the texts' bytes suggested.
  package func record(tokens: Int, estimate: Int, nanoseconds: Int64) {
    measured.withLock { $0.record(tokens: tokens, estimate: estimate, nanoseconds: nanoseconds) }
  }
}

/// One version of one model, ready to answer in this worker.
///
/// `predictor` is touched by one queue alone, the compute queue or the shadow's thread, which is what makes this sendable.
public final class ServedVersion: @unchecked Sendable {
  /// What the API says of it.
  public let description: ModelDescription
  /// Its part in answering for the name.
  public let role: ModelSpecification.Role
  /// Whether it answers where no model is named. Health is watched over these alone.
  public let isDefault: Bool
  /// Its row in `VersionCounters`.
  public let counterIndex: Int
  /// Other names of its model.
  public let aliases: [String]
  let predictor: any Predictor
  /// What cuts its texts, which any queue may use; nil where there is none.
  let tokenizer: Tokenizer?
  /// Its own, or that of a version before it in its catalog.
  private(set) var trunk = ServedTrunk()

  /// A version that `predictor` answers for.
  public init(
    _ predictor: any Predictor, name: String, version: String,
    role: ModelSpecification.Role = .primary, isDefault: Bool = true, counterIndex: Int = 0,
    aliases: [String] = []
  ) {
    self.aliases = aliases
    self.predictor = predictor
    tokenizer = (predictor as? TextModel)?.tokenizer
    self.role = role
    self.isDefault = isDefault
    self.counterIndex = counterIndex
    description = ModelDescription(predictor, name: name, version: version)
  }

  /// Takes the trunk of another version with the same encoder; before either is in use.
  func joinTrunk(of other: ServedVersion) { trunk = other.trunk }

  /// The `X-Model-Version` of its answers, such as `spam/3`.
  var fullName: String { "\(description.name)/\(description.version)" }
}
