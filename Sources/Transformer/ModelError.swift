import Foundation

/// Why a model directory cannot be used, naming file and place.
public enum ModelError: Error, Equatable, LocalizedError {
  /// No such directory.
  case noDirectory(path: String)
  /// The directory lacks a file.
  case missingFile(path: String, hint: String)
  /// A file cannot be read or written.
  case unreadable(path: String, reason: String)
  /// `config.json` is not JSON, or a value in it is missing or senseless.
  case badConfiguration(path: String, key: String, problem: String)
  /// An architecture or feature that is not supported.
  case unsupported(path: String, what: String, supported: String)
  /// A safetensors file breaks its format.
  case badTensors(path: String, problem: String)
  /// A tensor that the configuration asks for is missing.
  case missingTensor(path: String, name: String, nearest: String? = nil)
  /// A tensor has another shape or type than the configuration says.
  case wrongTensor(path: String, name: String, found: String, wanted: String)
  /// A weight is NaN or infinite.
  case notFinite(path: String, name: String)
  /// Tokenizer and weights do not belong together.
  case vocabularyMismatch(path: String, tokens: Int, rows: Int)
  /// The tokenizer puts tokens into a segment that the model has no row for.
  case tokenTypeMismatch(path: String, type: Int, rows: Int)
  /// The special tokens alone fill the longest input.
  case noRoom(path: String, maximum: Int, frame: Int)
  /// The model has no classification head.
  case noHead(path: String)
  /// The layers are in 8 bits already.
  case alreadyQuantized(path: String)
  /// The layers cannot be computed in this precision.
  case wrongPrecision(path: String, asked: String, isQuantized: Bool)
  /// The weights hold an encoder tensor that the configuration has no place for.
  case extraTensor(path: String, name: String)
  /// The base of an adapter is not where its settings say.
  case missingBase(path: String, base: String, beside: String)
  /// An adapter, where a model with all of its weights is needed.
  case adapter(path: String, mend: String)
  /// The model says something else than what is asked of it.
  case wrongTask(path: String, found: ModelTask, wanted: ModelTask)
  /// There are no figures for the model's task.
  case notMeasured(path: String, task: ModelTask)

  /// What, where and how to mend it.
  public var errorDescription: String? {
    switch self {
    case .noDirectory(let path):
      return "\(path): no such model directory. Give a folder with config.json, model.safetensors "
        + "and tokenizer.json or vocab.txt, as `martlet train DATA.tsv -o DIR` makes one, or a hub's name such as BAAI/bge-small-en-v1.5."
    case .missingFile(let path, let hint): return "\(path): missing. \(hint)"
    case .unreadable(let path, let reason): return "\(path): \(reason). Check path and permissions."
    case .badConfiguration(let path, let key, let problem):
      return "\(path): \(key.isEmpty ? "" : "\"\(key)\" ")\(problem)."
    case .unsupported(let path, let what, let supported):
      return "\(path): \(what) is not supported. Supported: \(supported)."
    case .badTensors(let path, let problem):
      return "\(path): not a sound safetensors file: \(problem). Fetch or write the file again."
    case .missingTensor(let path, let name, let nearest):
      let there = nearest.map { " The nearest that is there: \"\($0)\"." } ?? ""
      return "\(path): tensor \"\(name)\" is missing, which config.json asks for.\(there) "
        + "Check that both files are of the same model, and that names are as transformers saves them."
    case .wrongTensor(let path, let name, let found, let wanted):
      return "\(path): tensor \"\(name)\" is \(found), but config.json asks for \(wanted). "
        + "Check that both files are of the same model."
    case .notFinite(let path, let name):
      return "\(path): tensor \"\(name)\" holds NaN or infinity. The training that wrote it went "
        + "wrong; use an earlier checkpoint."
    case .vocabularyMismatch(let path, let tokens, let rows):
      return "\(path): the tokenizer has \(tokens) tokens but the embedding only \(rows) rows. "
        + "Check that tokenizer and weights are of the same model."
    case .tokenTypeMismatch(let path, let type, let rows):
      return "\(path): the tokenizer's post_processor gives the token type \(type), but "
        + "type_vocab_size is \(rows). Check that tokenizer and weights are of the same model."
    case .noRoom(let path, let maximum, let frame):
      return
        "\(path): the longest input is \(maximum) tokens, and the tokenizer puts \(frame) around "
        + "each text, so none of the text is read. Check max_position_embeddings and max_seq_length."
    case .extraTensor(let path, let name):
      return "\(path): tensor \"\(name)\" has no place in the shape that config.json gives. "
        + "Check that both files are of the same model."
    case .missingBase(let path, let base, let beside):
      return
        "\(path): the base model \"\(base.prefix(300))\" is not there. Bring a hub's model by `martlet pull`, put the "
        + "directory at \(beside), or write its path, absolute or from the adapter's directory on, as "
        + "base_model_name_or_path."
    case .adapter(let path, let mend):
      return "\(path): this is an adapter of another model. \(mend)"
    case .wrongTask(let path, let found, let wanted):
      return "\(path): a \(found.rawValue) model, where a \(wanted.rawValue) model is needed. "
        + "`martlet inspect` says what a model is for."
    case .notMeasured(let path, let task):
      return
        "\(path): there are no figures for \(task). Write answers with `martlet predict`, and compare them by their rows."
    case .alreadyQuantized(let path):
      return "\(path): its layers are in 8 bits already. Quantise the model that it was made from."
    case .wrongPrecision(let path, let asked, true):
      return "\(path): this model's layers are in 8 bits, so it cannot run in \(asked). "
        + "Use int8 or auto, or the model that it was made from."
    case .wrongPrecision(let path, let asked, false):
      return "\(path): this model's layers are not in 8 bits, so it cannot run in \(asked). "
        + "Use auto, f32 or bf16, or make an 8-bit one: martlet quantize \(path) -o DIR --validation FILE."
    case .noHead(let path):
      return "\(path): this model has no classification head (no labels in config.json). "
        + "Train one with `martlet train`."
    }
  }
}
