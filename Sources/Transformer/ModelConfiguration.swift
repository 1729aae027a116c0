import Tensor
import Tokenization

/// Everything that a model directory's configuration files say: shape, task and labels.
public struct ModelConfiguration: Sendable, Equatable {
  /// The model's directory.
  public var directory: String
  /// The folder with `config.json`, weights and tokenizer: the directory, or a folder in it.
  public var encoderDirectory: String
  /// The class that `config.json` names, such as `BertForTokenClassification`.
  public var architecture: String
  /// What the model says.
  public var task: ModelTask
  /// The model's shape. Its own labels are those of a head on the whole text; it mostly has none for
  /// token classification and embeddings.
  public var shape: ModelShape
  /// Names of the outputs, in order; empty for embeddings.
  public var labels: [String]
  /// What a regression head ends in.
  public var scoreActivation: ScoreActivation
  /// Whether the files say that it scores pairs of texts.
  public var isCrossEncoder = false
  /// For embeddings, how they are made.
  public var embedding: EmbeddingConfiguration?
  /// For sparse vectors, how they are made.
  public var sparse: SparseConfiguration?
  /// For a decoder that says by two words whether a document answers a query, which.
  var logitScore: LogitScore?
  /// For a vector for each token, how they are made.
  public var multiVector: MultiVectorConfiguration?
  /// Longest input in tokens.
  public var maximumTokens: Int
  /// Put before each text, or the first of a pair.
  public var prompts = Prompts()
  /// How texts are read, where the model is a table without layers.
  var table: StaticTable.Reading?
  /// Whether texts are lowercased before anything else is done with them.
  public var lowercases = false
  /// A classifier's scores are divided by it before softmax, so that probabilities are shares of right
  /// answers (Guo et al., 2017); `martlet train` fits it. 1 leaves them as they are.
  public var temperature: Float = 1
  /// How texts are written where a request says nothing; nil for encoders.
  package var decoding: DecodingSettings?
  /// What a user should know of how the files were understood.
  public var notes: [String]

  /// Numbers in one embedding; 0 for other tasks.
  public var embeddingDimension: Int {
    embedding?.dimension(hiddenSize: shape.hiddenSize)
      ?? multiVector?.steps.outputs(of: shape.hiddenSize) ?? 0
  }

  /// The layer of the head on each token, where that stands beside the encoder; nil for other heads.
  var tokenLayer: String? {
    guard shape.head == nil, let architecture = shape.architecture else { return nil }
    return task.definition.tokenLayer(architecture)
  }

  /// Its tensors as the checkpoint has them.
  var tokenLayerTensors: [(name: String, matrix: Matrix)] {
    guard let tokenLayer, let outputs = task.definition.tokenOutputs(labels) else { return [] }
    return [
      (tokenLayer + ".weight", Matrix(rows: outputs, columns: shape.hiddenSize)),
      (tokenLayer + ".bias", Matrix(rows: 1, columns: outputs)),
    ]
  }

  /// The same encoder as an embedding model with this pooling, whatever its head.
  public func embedding(pooling: Pooling?, normalizes: Bool?) -> ModelConfiguration {
    var copy = self
    if pooling != nil || embedding != nil { (copy.task, copy.labels) = (.embedding, []) }
    if pooling != nil { (copy.sparse, copy.multiVector) = (nil, nil) }
    if let pooling {
      copy.shape.head = nil
      copy.embedding = EmbeddingConfiguration(
        poolings: [pooling], steps: embedding?.steps.filter { $0 == .normalize } ?? [],
        excludesPrompt: embedding?.excludesPrompt ?? false, width: embedding?.width)
    }
    if let normalizes, let steps = copy.embedding?.steps {
      copy.embedding?.steps = steps.filter { $0 != .normalize } + (normalizes ? [.normalize] : [])
    }
    return copy
  }

  /// Checks that what `tokenizer` makes stays inside of the model's tables, and leaves room for a text.
  ///
  /// - Throws: `ModelError` naming both sides.
  public func check(_ tokenizer: Tokenizer) throws(ModelError) {
    guard tokenizer.vocabularySize <= shape.vocabularySize else {
      throw .vocabularyMismatch(
        path: directory, tokens: tokenizer.vocabularySize, rows: shape.vocabularySize)
    }
    let (segment, segments) = (tokenizer.highestTokenType, shape.embeddings.tokenTypeCount)
    guard segments <= 1 || segment < segments else {
      throw .tokenTypeMismatch(path: directory, type: segment, rows: segments)
    }
    let frame = tokenizer.frameCount(isPair: false)
    guard frame < maximumTokens else {
      throw .noRoom(path: directory, maximum: maximumTokens, frame: frame)
    }
  }
}
