import Foundation

/// Why a name does not become a model, naming what is wrong and how to mend it.
package enum HubError: Error, LocalizedError {
  /// The text is neither a path that is there nor a name.
  case badName(String)
  /// It is not in the cache, and nothing may be asked for.
  case offline(name: String, cache: String)
  /// Nobody answers, or not as HTTP.
  case unreachable(endpoint: String, reason: String)
  /// The same, of a model that a command wanted and that is not there.
  case notReached(name: String, endpoint: String, reason: String)
  /// What answers is no hub.
  case noHub(url: String, problem: String)
  /// The hub has no such model, or shows it to others alone.
  case noModel(name: String, endpoint: String, hasToken: Bool)
  /// The model has no such revision.
  case noRevision(name: String, revision: String, endpoint: String)
  /// The revision has no such file.
  case noFile(name: String, file: String, revision: String)
  /// No file of the revision has a name that was asked for.
  case nothingIncluded(name: String, patterns: [String])
  /// Its owners want to be asked.
  case gated(name: String, endpoint: String, hasToken: Bool)
  /// The hub does not know the token.
  case badToken(endpoint: String)
  /// The hub says no.
  case refused(url: String, status: Int, message: String)
  /// The hub is asked too often.
  case tooMany(endpoint: String, seconds: Int?)
  /// An answer ended early, however often it was asked for.
  case truncated(file: String, got: Int, wanted: Int)
  /// The bytes are not those that the hub names.
  case wrongContent(file: String, problem: String)
  /// The file system has no room.
  case noSpace(path: String, needed: Int, free: Int)
  /// The model has no weights that are read here.
  case noWeights(name: String, others: [(name: String, kind: String)])
  /// A file says something that makes no sense.
  case badFile(name: String, problem: String)
  /// Somebody downloads it at this moment.
  case inUse(name: String)
  /// It is not in the cache.
  case notCached(name: String, cache: String, there: [String])

  /// Whether another try, later, may go well without anything being changed.
  package var isPassing: Bool {
    switch self {
    case .unreachable, .tooMany, .truncated: true
    case .refused(_, let status, _): status >= 500
    default: false
    }
  }

  /// What, where and how to mend it, in one line.
  package var errorDescription: String? {
    switch self {
    case .badName(let text):
      "\(text): no such model directory, and no name of a model. Give a folder with config.json, model.safetensors and "
        + "tokenizer.json, or a name such as BAAI/bge-small-en-v1.5 or NAME@REVISION."
    case .offline(let name, let cache):
      "\(name): no such directory, and not in the cache \(cache); HF_HUB_OFFLINE is set, so nothing is downloaded. "
        + "Unset it, or run `martlet pull \(name)` where there is a network."
    case .unreachable(let endpoint, let reason):
      "\(endpoint) cannot be reached: \(reason). Check the network, HF_ENDPOINT and the proxy (https_proxy), and try again."
    case .notReached(let name, let endpoint, let reason):
      "\(name): no such directory here, not in the cache, and \(endpoint) cannot be reached: \(reason). Check the name, the network, "
        + "HF_ENDPOINT and the proxy (https_proxy)."
    case .noHub(let url, let problem):
      "\(url): this does not answer as a Hugging Face hub does: \(problem). Check HF_ENDPOINT and the proxy."
    case .noModel(let name, let endpoint, let hasToken):
      "\(name): no such directory here, and \(endpoint) has no such model"
        + (hasToken
          ? " that your token may see. Check the name and the token's rights."
          : ", or it is private. Check the name; for a private one set HF_TOKEN.")
    case .noRevision(let name, let revision, let endpoint):
      "\(name): no revision \(revision). See \(endpoint)/\(name)/tree/main for branches, tags and commits."
    case .noFile(let name, let file, let revision):
      "\(name): the hub lists \(file) at \(revision), but does not have it. Try again, or name another revision."
    case .nothingIncluded(let name, let patterns):
      "\(name): no file fits --include \(patterns.joined(separator: " ")). Patterns are for whole names, such as '*.json' or 'onnx/*'."
    case .gated(let name, let endpoint, let hasToken):
      "\(name): its owners give access on request. Ask for it at \(endpoint)/\(name)"
        + (hasToken
          ? " with the account of your token." : ", then set HF_TOKEN to a token of that account.")
    case .badToken(let endpoint):
      "\(endpoint) does not accept the token. Make a new one there, and set HF_TOKEN, or unset it for public models."
    case .refused(let url, let status, let message):
      "\(url): the hub answers \(status)\(message.isEmpty ? "" : " (\(message))")."
        + (status >= 500 ? " Try again later." : " Check the name, HF_ENDPOINT and HF_TOKEN.")
    case .tooMany(let endpoint, let seconds):
      "\(endpoint) is asked too often from here. "
        + (seconds.map { "It says: again in \($0) seconds." } ?? "Try again later.")
        + " With HF_TOKEN set, the limit is higher."
    case .truncated(let file, let got, let wanted):
      "\(file): the connection ends after \(got) of \(wanted) bytes, again and again. Run the command again: it goes on from there."
    case .wrongContent(let file, let problem):
      "\(file): what came is not what the hub names: \(problem). It has been deleted; try again, and if it stays so, check proxy and HF_ENDPOINT."
    case .noSpace(let path, let needed, let free):
      "\(path): \(Self.size(needed)) are needed, and \(Self.size(free)) are free. Make room (martlet models, martlet models rm), "
        + "or set HF_HOME to a folder with more."
    case .noWeights(let name, let others): Self.noWeights(name, others)
    case .badFile(let name, let problem):
      "\(name): \(problem). Name another revision, or tell the model's owners."
    case .inUse(let name):
      "\(name): it is being downloaded at this moment. Wait for the end, or end that."
    case .notCached(let name, let cache, let there):
      "\(name): not in the cache \(cache). "
        + (there.isEmpty ? "Nothing is." : "There are: \(there.joined(separator: ", ")).")
    }
  }

  private static func noWeights(_ name: String, _ others: [(name: String, kind: String)]) -> String
  {
    guard let first = others.first(where: { $0.kind == "pickles" }) ?? others.first else {
      return
        "\(name): it has no model.safetensors. Name a model with weights; --include takes files without asking what they are."
    }
    guard first.kind == "pickles" else {
      return
        "\(name): its weights are there as \(first.kind) alone (\(first.name)), which is not read. Name a model with model.safetensors."
    }
    return
      "\(name): its weights are there as pickles alone (\(first.name)), which can run code and are not read. Name a revision with "
      + "safetensors if it has one (such as \(name)@refs/pr/1), or load it in transformers and write it anew: "
      + "save_pretrained('DIR') of model and tokenizer."
  }

  /// Bytes for people, in powers of ten.
  package static func size(_ bytes: Int) -> String {
    var (value, unit) = (Double(bytes), 0)
    let units = ["B", "kB", "MB", "GB", "TB", "PB"]
    while value >= 1000, unit < units.count - 1 { (value, unit) = (value / 1000, unit + 1) }
    return unit == 0 ? "\(bytes) B" : String(format: "%.1f %@", value, units[unit])
  }
}
