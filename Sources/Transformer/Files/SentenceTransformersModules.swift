import Foundation
import JSON

/// Reads what sentence-transformers writes beside a model: `modules.json`, the folders of its modules, the settings of the encoder
/// under any of their names, and `config_sentence_transformers.json`. Equal to its version 6 on what versions 2 to 6 save.
struct SentenceTransformersModules {
  /// The folder of the encoder, relative to the model's.
  private(set) var encoderPath = ""
  /// Pooling and what follows; nil where there is no Pooling module.
  private(set) var embedding: EmbeddingConfiguration?
  /// `max_seq_length`, or else the tokenizer's `model_max_length`.
  private(set) var maximumTokens: Int?
  /// Whether texts are lowercased first.
  private(set) var lowercases = false
  /// Put before each text.
  private(set) var prompt = ""
  /// What a cross-encoder ends in, where `config_sentence_transformers.json` says it.
  private(set) var activation: String?
  /// Whether the files are those of a cross-encoder.
  private(set) var isCrossEncoder = false

  private static let supported = "Transformer, Pooling, Dense, Normalize, Dropout"
  /// The names that the encoder's settings have had; the first that holds anything counts.
  private static let settings = [
    "bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet",
  ].map { "sentence_\($0)_config.json" }

  /// What is said in `directory`; of plain models, the tokenizer's longest input alone.
  ///
  /// - Throws: `ModelError` naming the file and the module.
  init(directory: String) throws {
    let path = directory + "/modules.json"
    let isModular = FileManager.default.fileExists(atPath: path)
    if isModular { try readModules(directory, path) }
    try readSettings(encoderPath.isEmpty ? directory : "\(directory)/\(encoderPath)")
    let file = directory + "/config_sentence_transformers.json"
    isCrossEncoder = isModular && embedding == nil
    guard FileManager.default.fileExists(atPath: file) else { return }
    let json = try Self.json(file)
    if json["model_type"]?.stringValue == "CrossEncoder" { isCrossEncoder = true }
    activation = json["activation_fn"]?.stringValue
    if let name = json["default_prompt_name"]?.stringValue {
      prompt = json["prompts"]?[name]?.stringValue ?? ""
    }
    if let width = json["truncate_dim"], !width.isNull {
      guard let width = width.intValue, width >= 1 else {
        throw ModelError.badConfiguration(
          path: file, key: "truncate_dim", problem: "is not a number from 1 on")
      }
      embedding?.width = width
    }
  }

  private mutating func readModules(_ directory: String, _ path: String) throws {
    let list = try Self.json(path)
    guard let modules = list.arrayValue, !modules.isEmpty, modules.count <= 64 else {
      throw ModelError.badConfiguration(path: path, key: "", problem: "is no list of modules")
    }
    var steps: [EmbeddingConfiguration.Step] = []
    for (index, module) in modules.enumerated() {
      let type = module["type"]?.stringValue ?? ""
      let folder = try Self.folder(module, path: path)
      switch type.split(separator: ".").last {
      case "Transformer" where index == 0: encoderPath = folder
      case "Pooling" where embedding == nil:
        embedding = try Self.pooling(directory + "/\(folder)/config.json")
      case "Normalize" where embedding != nil:
        let settings = directory + "/\(folder)/config.json"
        if FileManager.default.fileExists(atPath: settings) {
          try Self.checkPlace(Self.json(settings), path: settings)
        }
        steps.append(.normalize)
      case "Dense" where embedding != nil:
        steps.append(.dense(try Self.dense(directory + "/" + folder)))
      case "Dropout": break
      default:
        throw ModelError.unsupported(
          path: path, what: "module \(index), \"\(type.prefix(100))\",", supported: Self.supported)
      }
    }
    embedding?.steps = steps
  }

  private mutating func readSettings(_ encoder: String) throws {
    for name in Self.settings {
      let path = "\(encoder)/\(name)"
      guard FileManager.default.fileExists(atPath: path) else { continue }
      let json = try Self.json(path)
      if json.objectValue?.isEmpty ?? true { continue }
      lowercases = json["do_lower_case"]?.boolValue ?? false
      maximumTokens = try Self.length(json, "max_seq_length", path: path)
      break
    }
    let path = encoder + "/tokenizer_config.json"
    if maximumTokens == nil && FileManager.default.fileExists(atPath: path) {
      maximumTokens = try Self.length(Self.json(path), "model_max_length", path: path)
    }
  }

  /// A length in tokens; nil where there is none, or one that means none, such as 10^30.
  private static func length(_ json: JSONValue, _ key: String, path: String) throws -> Int? {
    guard let value = json[key], !value.isNull else { return nil }
    guard let number = value.doubleValue, number >= 1 else {
      throw ModelError.badConfiguration(path: path, key: key, problem: "is not a number from 1 on")
    }
    return number >= 1e9 ? nil : Int(number)
  }

  /// Modules may work on what others left anywhere; here they work on the text's one vector.
  private static func checkPlace(_ json: JSONValue, path: String) throws {
    for key in ["module_input_name", "module_output_name"] {
      if let name = json[key]?.stringValue, name != "sentence_embedding" {
        throw ModelError.unsupported(
          path: path, what: "\(key) \"\(name.prefix(100))\"", supported: "sentence_embedding")
      }
    }
  }

  private static func json(_ path: String) throws -> JSONValue {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw ModelError.missingFile(path: path, hint: "The model's modules.json asks for it.")
    }
    do {
      return try JSONValue(
        parsing: data, limits: JSONLimits(depth: 32, bytes: 1 << 22, elements: 1 << 16))
    } catch {
      throw ModelError.badConfiguration(
        path: path, key: "", problem: "is not JSON: \(error.localizedDescription)")
    }
  }

  private static func folder(_ module: JSONValue, path: String) throws -> String {
    let folder = module["path"]?.stringValue ?? ""
    // A path that leads out of the model's folder could make the program read any file.
    guard !folder.hasPrefix("/"), !folder.split(separator: "/").contains("..") else {
      throw ModelError.badConfiguration(
        path: path, key: "path", problem: "\"\(folder.prefix(100))\" leads out of the folder")
    }
    return folder
  }

  private static func pooling(_ path: String) throws -> EmbeddingConfiguration {
    let json = try json(path)
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

  private static func dense(_ directory: String) throws -> EmbeddingConfiguration.Dense {
    let path = directory + "/config.json"
    let json = try json(path)
    func size(_ key: String) throws -> Int {
      guard let value = json[key]?.intValue, (1...1_000_000).contains(value) else {
        throw ModelError.badConfiguration(
          path: path, key: key, problem: "is missing or not from 1 to 1000000")
      }
      return value
    }
    try checkPlace(json, path: path)
    let name = json["activation_function"]?.stringValue ?? "torch.nn.modules.activation.Tanh"
    let activation: EmbeddingConfiguration.DenseActivation
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
    return EmbeddingConfiguration.Dense(
      directory: directory, inputs: try size("in_features"), outputs: try size("out_features"),
      hasBias: json["bias"]?.boolValue ?? true, activation: activation,
      addsInput: json["use_residual"]?.boolValue ?? false)
  }
}
