import Foundation
import JSON

/// Reads what sentence-transformers writes beside a model: `modules.json`, the folders of its
/// modules, `sentence_bert_config.json` and `config_sentence_transformers.json`.
struct SentenceTransformersModules {
  /// The folder of the encoder, relative to the model's.
  private(set) var encoderPath = ""
  /// Pooling and what follows; nil where there is no Pooling module.
  private(set) var embedding: EmbeddingConfiguration?
  /// `max_seq_length`.
  private(set) var maximumTokens: Int?

  private static let supported = "Transformer, Pooling, Dense, Normalize, Dropout"

  /// The modules in `directory`; nil where `modules.json` is missing.
  ///
  /// - Throws: `ModelError` naming the file and the module.
  init?(directory: String) throws {
    let path = directory + "/modules.json"
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    let list = try Self.json(path)
    guard let modules = list.arrayValue, !modules.isEmpty, modules.count <= 64 else {
      throw ModelError.badConfiguration(path: path, key: "", problem: "is no list of modules")
    }
    var poolings: [Pooling]?
    var steps: [EmbeddingConfiguration.Step] = []
    for (index, module) in modules.enumerated() {
      let type = module["type"]?.stringValue ?? ""
      let folder = try Self.folder(module, path: path)
      switch type.split(separator: ".").last {
      case "Transformer" where index == 0: encoderPath = folder
      case "Pooling" where poolings == nil:
        poolings = try Self.poolings(directory + "/\(folder)/config.json")
      case "Normalize" where poolings != nil: steps.append(.normalize)
      case "Dense" where poolings != nil:
        steps.append(.dense(try Self.dense(directory + "/" + folder)))
      case "Dropout": break
      default:
        throw ModelError.unsupported(
          path: path, what: "module \(index), \"\(type.prefix(100))\",", supported: Self.supported)
      }
    }
    try readSettings(directory, poolings, steps)
  }

  private mutating func readSettings(
    _ directory: String, _ poolings: [Pooling]?, _ steps: [EmbeddingConfiguration.Step]
  ) throws {
    let encoder = encoderPath.isEmpty ? directory : "\(directory)/\(encoderPath)"
    var lowercases = false
    let settings = encoder + "/sentence_bert_config.json"
    if FileManager.default.fileExists(atPath: settings) {
      let json = try Self.json(settings)
      lowercases = json["do_lower_case"]?.boolValue ?? false
      if let length = json["max_seq_length"], !length.isNull {
        guard let length = length.intValue, length >= 3 else {
          throw ModelError.badConfiguration(
            path: settings, key: "max_seq_length", problem: "is not a number above 2")
        }
        maximumTokens = length
      }
    }
    guard let poolings else { return }
    var embedding = EmbeddingConfiguration(
      poolings: poolings, steps: steps, lowercases: lowercases)
    let prompts = directory + "/config_sentence_transformers.json"
    if FileManager.default.fileExists(atPath: prompts) {
      let json = try Self.json(prompts)
      if let name = json["default_prompt_name"]?.stringValue {
        embedding.prompt = json["prompts"]?[name]?.stringValue ?? ""
      }
    }
    self.embedding = embedding
  }

  private static func json(_ path: String) throws -> JSONValue {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw ModelError.missingFile(path: path, hint: "modules.json asks for it.")
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

  private static func poolings(_ path: String) throws -> [Pooling] {
    let json = try json(path)
    if json["include_prompt"]?.boolValue == false {
      throw ModelError.unsupported(
        path: path, what: "\"include_prompt\": false", supported: "pooling over all tokens")
    }
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
    return poolings
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
    let name = json["activation_function"]?.stringValue ?? "torch.nn.modules.activation.Tanh"
    let activation: EmbeddingConfiguration.DenseActivation
    switch name.split(separator: ".").last {
    case "Identity": activation = .identity
    case "Tanh": activation = .tanh
    case "ReLU": activation = .relu
    default:
      throw ModelError.unsupported(
        path: path, what: "activation_function \"\(name.prefix(100))\"",
        supported: "Identity, Tanh, ReLU")
    }
    return EmbeddingConfiguration.Dense(
      directory: directory, inputs: try size("in_features"), outputs: try size("out_features"),
      hasBias: json["bias"]?.boolValue ?? true, activation: activation)
  }
}
