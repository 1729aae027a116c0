import JSON

/// The modules of a saved model in the order in which a text goes through them: what they make of it, and with what.
///
/// A module works on each token's vector until `Pooling` has made one of them, and on that one afterwards; most say which they mean.
struct ModuleChain {
  /// The file that lists the modules.
  let path: String
  /// Whether the model gives a vector for each token: then a `Dense` that does not say works on these.
  var isMultiVector = false
  /// The folder of the encoder, relative to the model's.
  private(set) var encoderPath = ""
  /// Whether the encoder is a table without layers.
  private(set) var isStatic = false
  private var count = 0
  private var tokenSteps: [VectorStep] = []
  private var embedding: EmbeddingConfiguration?
  private var sparse: SparseConfiguration?
  private var vectors = MultiVectorConfiguration()
  private var hasMask = false
  private var score: LogitScore?

  private static let supported =
    "Transformer, StaticEmbedding, Pooling, Dense, LayerNorm, Normalize, Dropout, "
    + "MLMTransformer, SpladePooling, Router, SparseStaticEmbedding, MultiVectorMask, LogitScore"

  /// A chain that `path` lists.
  init(path: String) { self.path = path }

  /// Adds the next module.
  ///
  /// - Throws: `ModelError` naming it.
  mutating func add(_ module: SavedModule) throws {
    defer { count += 1 }
    switch module.kind {
    case "Transformer" where count == 0, "MLMTransformer" where count == 0:
      encoderPath = module.relative
    case "StaticEmbedding" where count == 0:
      (encoderPath, isStatic) = (module.relative, true)
      embedding = EmbeddingConfiguration(poolings: [.mean])
    case "Pooling" where count > 0 && embedding == nil && sparse == nil:
      embedding = try module.pooling()
      embedding?.tokenSteps = tokenSteps
    case "SpladePooling" where count > 0 && embedding == nil && sparse == nil && tokenSteps.isEmpty:
      sparse = try module.spladePooling()
    case "MultiVectorMask" where count > 0 && embedding == nil:
      hasMask = true
      try module.readMask(&vectors)
    case "Dense" where count > 0: try put(.dense(module.dense()), of: module)
    case "Normalize" where count > 0: try put(.normalize, of: module)
    case "LayerNorm" where count > 0:
      let (json, path) = try module.settings()
      try put(
        .layerNorm(
          directory: module.folder,
          width: ConfigReader(json: json, path: path).size("dimension", upTo: 1_000_000)),
        of: module)
    case "LogitScore" where count == 1:
      let (json, path) = try module.settings()
      score = try LogitScore(ConfigReader(json: json, path: path))
    case "Dropout": break
    default:
      throw ModelError.unsupported(
        path: path, what: "module \(count), \"\(module.kind.prefix(100))\",",
        supported: Self.supported)
    }
  }

  /// Puts a step where the module says, and where its input is what there is by then.
  private mutating func put(_ step: VectorStep, of module: SavedModule) throws {
    let (json, path) = try module.optionalSettings()
    let isOnTokens = isMultiVector && embedding == nil && module.kind == "Dense"
    let standard = isOnTokens ? "token_embeddings" : "sentence_embedding"
    let input = json["module_input_name"]?.stringValue ?? standard
    let output = json["module_output_name"]?.stringValue ?? input
    guard input == output, ["token_embeddings", "sentence_embedding"].contains(input) else {
      throw ModelError.unsupported(
        path: path,
        what: "module_input_name \"\(input.prefix(60))\" with module_output_name "
          + "\"\(output.prefix(60))\"",
        supported: "sentence_embedding or token_embeddings, the same for both")
    }
    if input == "token_embeddings" {
      // Behind Pooling nothing reads the tokens.
      if embedding == nil { tokenSteps.append(step) }
    } else if embedding != nil {
      embedding?.steps.append(step)
    } else if step != .normalize {
      // Normalize leaves out what is not there, as in sentence-transformers.
      throw ModelError.unsupported(
        path: self.path, what: "\(module.kind) of the sentence embedding before Pooling",
        supported: "\"module_input_name\": \"token_embeddings\" there")
    }
  }

  /// What the chain makes of a text.
  func kind(_ list: SavedModule.List) throws -> SentenceTransformersModules.Kind {
    if var sparse {
      sparse.queryWeights = list.queryWeights
      return .sparse(sparse)
    }
    if list.queryWeights != nil {
      throw ModelError.unsupported(
        path: path, what: "a Router without SpladePooling", supported: "one for sparse vectors")
    }
    if let embedding { return .embedding(embedding) }
    if let score { return .causal(score) }
    guard isMultiVector || hasMask else { return .plain }
    var vectors = vectors
    vectors.steps = tokenSteps
    if !hasMask {
      // PyLate up to 3 saved neither the mask nor the norm.
      vectors.skippedTokens = MultiVectorConfiguration.punctuation
      vectors.steps.append(.normalize)
    }
    return .multiVector(vectors)
  }
}

extension SavedModule {
  fileprivate func pooling() throws -> EmbeddingConfiguration {
    let (json, path) = try settings()
    var names: [String] = []
    // Newer files have one name or a list of them, older ones a flag for each.
    if let name = json["pooling_mode"]?.stringValue {
      names = name.split(separator: "+").map(String.init)
    } else if let list = json["pooling_mode"]?.arrayValue {
      names = list.compactMap(\.stringValue)
    } else {
      let flags = [
        ("pooling_mode_cls_token", Pooling.cls), ("pooling_mode_max_tokens", .max),
        ("pooling_mode_mean_tokens", .mean),
        ("pooling_mode_mean_sqrt_len_tokens", .meanSqrtLength),
        ("pooling_mode_weightedmean_tokens", .weightedMean),
        ("pooling_mode_lasttoken", .lastToken),
      ]
      names = flags.filter { json[$0.0]?.boolValue == true }.map(\.1.rawValue)
    }
    let poolings = names.compactMap { Pooling(rawValue: $0) }
    guard !poolings.isEmpty, poolings.count == names.count, poolings.count <= 6 else {
      throw ModelError.unsupported(
        path: path, what: "pooling \"\(names.joined(separator: "+").prefix(100))\"",
        supported: Pooling.allCases.map(\.rawValue).joined(separator: ", "))
    }
    return EmbeddingConfiguration(
      poolings: poolings, excludesPrompt: json["include_prompt"]?.boolValue == false)
  }

  fileprivate func dense() throws -> DenseLayerConfiguration {
    let (json, path) = try settings()
    let reader = ConfigReader(json: json, path: path)
    let name = json["activation_function"]?.stringValue ?? "torch.nn.modules.activation.Tanh"
    let activation: DenseLayerConfiguration.Activation
    switch name.split(separator: ".").last {
    case "Identity": activation = .identity
    case "Tanh": activation = .tanh
    case "ReLU": activation = .relu
    case "GELU": activation = .gelu
    case "Sigmoid": activation = .sigmoid
    default:
      throw ModelError.unsupported(
        path: path, what: "activation_function \"\(name.prefix(100))\"",
        supported: "Identity, Tanh, ReLU, GELU, Sigmoid")
    }
    return DenseLayerConfiguration(
      directory: folder, inputs: try reader.size("in_features", upTo: 1_000_000),
      outputs: try reader.size("out_features", upTo: 1_000_000),
      hasBias: json["bias"]?.boolValue ?? true, activation: activation,
      addsInput: json["use_residual"]?.boolValue ?? false)
  }

  fileprivate func spladePooling() throws -> SparseConfiguration {
    let (json, path) = try optionalSettings()
    let reader = ConfigReader(json: json, path: path)
    try reader.require(
      "pooling_strategy", oneOf: SparseConfiguration.Pooling.allCases.map(\.rawValue))
    try reader.require("activation_function", oneOf: ["relu", "log1p_relu"])
    let pooling = json["pooling_strategy"]?.stringValue
      .flatMap(SparseConfiguration.Pooling.init(rawValue:))
    return SparseConfiguration(
      pooling: pooling ?? .max,
      isLogTwice: json["activation_function"]?.stringValue == "log1p_relu")
  }

  fileprivate func readMask(_ vectors: inout MultiVectorConfiguration) throws {
    let (json, path) = try optionalSettings()
    vectors.skippedTokens = json["skiplist_words"]?.arrayValue?.compactMap(\.stringValue) ?? []
    if let sides = json["skiplist_tasks"]?.arrayValue {
      vectors.skippingSides = Set(sides.compactMap { TextSide(rawValue: $0.stringValue ?? "") })
    }
    if let ids = json["keep_only_token_ids"], !ids.isNull {
      throw ModelError.unsupported(
        path: path, what: "keep_only_token_ids", supported: "models of text")
    }
  }
}

extension MultiVectorConfiguration {
  /// What PyLate and ColBERT leave out of documents: the punctuation of ASCII.
  static let punctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~".map { String($0) }
  /// Tokens of a query with what it is filled with, where the files do not say.
  static let queryLength = 32

  /// Reads lengths and expansion from the encoder's settings, and what PyLate wrote of them in `model`'s.
  mutating func readLengths(encoder: JSONValue, model: JSONValue, path: String) throws {
    documentLength =
      try SavedModule.length(encoder, "document_length", path: path)
      ?? SavedModule.length(model, "document_length", path: path)
    queryLength = try SavedModule.length(encoder, "query_length", path: path)
    if let words = model["skiplist_words"]?.arrayValue {
      skippedTokens = words.compactMap(\.stringValue)
    }
    if let given = encoder["query_expansion"] ?? model["query_expansion"] {
      expansion = try given.isNull ? nil : Self.expansion(given, path: path)
      return
    }
    let markers = [
      "query_length", "document_length", "do_query_expansion", "attend_to_expansion_tokens",
      "query_prefix", "document_prefix", "skiplist_words",
    ]
    let isPyLate = markers.contains { model[$0] != nil }
    guard isPyLate else { return }
    let length = try SavedModule.length(model, "query_length", path: path)
    if model["do_query_expansion"]?.boolValue == false {
      queryLength = length
    } else {
      expansion = Expansion(
        length: length ?? Self.queryLength, isFixed: true,
        attends: model["attend_to_expansion_tokens"]?.boolValue ?? false, token: nil)
    }
  }

  private static func expansion(_ json: JSONValue, path: String) throws -> Expansion {
    let reader = ConfigReader(json: json, path: path)
    try reader.require("strategy", oneOf: ["fixed", "min"])
    return Expansion(
      length: try reader.size("length", upTo: 4096),
      isFixed: json["strategy"]?.stringValue != "min", attends: try reader.flag("attend", false),
      token: try reader.name("token"))
  }
}
