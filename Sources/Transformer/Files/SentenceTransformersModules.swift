import Foundation
import JSON

/// Reads what sentence-transformers writes beside a model: `modules.json`, the folders of its modules, the settings of the encoder
/// under any of their names, and `config_sentence_transformers.json`. Equal to its version 6 on what versions 2 to 6 save.
struct SentenceTransformersModules {
  /// What the modules make of a text.
  enum Kind {
    /// There are none, or they say nothing of it.
    case plain
    /// One vector.
    case embedding(EmbeddingConfiguration)
    /// A sparse vector over the vocabulary.
    case sparse(SparseConfiguration)
    /// A vector for each token.
    case multiVector(MultiVectorConfiguration)
    /// How much likelier one word is than another to come next.
    case causal(LogitScore)
  }

  /// The folder of the encoder, relative to the model's.
  private(set) var encoderPath = ""
  /// What the modules make of a text.
  private(set) var kind = Kind.plain
  /// How a text's one vector is made; nil where none is.
  var embedding: EmbeddingConfiguration? {
    if case .embedding(let embedding) = kind { embedding } else { nil }
  }
  /// Whether there are no modules that say what is made of a text.
  var isPlain: Bool { if case .plain = kind { true } else { false } }
  /// Whether the encoder is a table without layers.
  private(set) var isStatic = false
  /// `max_seq_length`, or else the tokenizer's `model_max_length`.
  private(set) var maximumTokens: Int?
  /// Whether texts are lowercased first.
  private(set) var lowercases = false
  /// Put before texts.
  private(set) var prompts = Prompts()
  /// What a cross-encoder ends in, where `config_sentence_transformers.json` says it.
  private(set) var activation: String?
  /// Whether the files are those of a cross-encoder.
  private(set) var isCrossEncoder = false

  /// The names that the encoder's settings have had; the first that holds anything counts.
  private static let settings = [
    "bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet",
  ].map { "sentence_\($0)_config.json" }

  /// What is said in `directory`; of plain models, the tokenizer's longest input alone.
  ///
  /// - Throws: `ModelError` naming the file and the module.
  init(directory: String) throws {
    let file = directory + "/config_sentence_transformers.json"
    let settings =
      FileManager.default.fileExists(atPath: file) ? try SavedModule.json(file) : .object([:])
    let modules = try SavedModule.list(directory)
    if let modules { try read(modules, settings) }
    let encoder = encoderPath.isEmpty ? directory : "\(directory)/\(encoderPath)"
    try readSettings(encoder, settings)
    if case .plain = kind { isCrossEncoder = modules != nil }
    if case .multiVector(var vectors) = kind, settings["query_prefix"] != nil {
      vectors.insertsMarkers = true
      kind = .multiVector(vectors)
    }
    if settings["model_type"]?.stringValue == "CrossEncoder" { isCrossEncoder = true }
    activation = settings["activation_fn"]?.stringValue
    prompts = try Prompts(settings, path: file)
    if let width = settings["truncate_dim"], !width.isNull {
      guard let width = width.intValue, width >= 1 else {
        throw ModelError.badConfiguration(
          path: file, key: "truncate_dim", problem: "is not a number from 1 on")
      }
      if case .embedding(var embedding) = kind {
        embedding.width = width
        kind = .embedding(embedding)
      }
    }
  }

  private mutating func read(_ modules: SavedModule.List, _ settings: JSONValue) throws {
    var list = ModuleChain(path: modules.path)
    list.isMultiVector =
      ["MultiVectorEncoder", "ColBERT"].contains(settings["model_type"]?.stringValue)
      || settings["query_prefix"] != nil || settings["document_prefix"] != nil
    for module in modules.all { try list.add(module) }
    (encoderPath, isStatic) = (list.encoderPath, list.isStatic)
    kind = try list.kind(modules)
  }

  private mutating func readSettings(_ encoder: String, _ model: JSONValue) throws {
    var read = JSONValue.object([:])
    for name in Self.settings {
      let path = "\(encoder)/\(name)"
      guard FileManager.default.fileExists(atPath: path) else { continue }
      read = try SavedModule.json(path)
      if read.objectValue?.isEmpty ?? true { continue }
      lowercases = read["do_lower_case"]?.boolValue ?? false
      maximumTokens = try SavedModule.length(read, "max_seq_length", path: path)
      break
    }
    let path = encoder + "/tokenizer_config.json"
    if maximumTokens == nil && !isStatic && FileManager.default.fileExists(atPath: path) {
      maximumTokens = try SavedModule.length(
        SavedModule.json(path), "model_max_length", path: path)
    }
    if case .multiVector(var vectors) = kind {
      try vectors.readLengths(encoder: read, model: model, path: encoder)
      kind = .multiVector(vectors)
    }
  }
}

extension Prompts {
  /// Those that `config_sentence_transformers.json` at `path` holds.
  ///
  /// - Throws: `ModelError` for a default that is not there.
  fileprivate init(_ settings: JSONValue, path: String) throws {
    self.init()
    for (name, value) in settings["prompts"]?.objectValue ?? [:] {
      // What is null is filled by sentence-transformers with nothing.
      all.append(Named(name: name, text: value.stringValue ?? ""))
    }
    // PyLate has the markers of its sides apart; they stand before the prompts.
    for side in TextSide.allCases {
      guard let marker = settings["\(side)_prefix"]?.stringValue else { continue }
      let text = self[side.rawValue] ?? ""
      all.removeAll { $0.name == side.rawValue }
      let whole = text.utf8.starts(with: marker.utf8) ? text : marker + text
      all.append(Named(name: side.rawValue, text: whole))
    }
    guard let name = settings["default_prompt_name"], !name.isNull else { return }
    defaultName = name.stringValue ?? ""
    if let name = defaultName, self[name] == nil {
      throw ModelError.badConfiguration(
        path: path, key: "default_prompt_name",
        problem: "names \"\(name.prefix(100))\", which is none of the prompts: "
          + "\(names.joined(separator: ", ").prefix(300))")
    }
  }
}
