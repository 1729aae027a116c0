import Foundation
import JSON

/// Which of a repository's files a model needs here: settings, tokenizer, modules, and weights as safetensors.
///
/// What is needed is known in steps, because `modules.json` names folders and an index names shards. Pickles are never needed.
package struct ModelFiles: Sendable {
  /// Names of the files that there are, relative to the repository.
  package let names: Set<String>

  /// What lists the folders of sentence-transformers' modules.
  package static let modules = "modules.json"
  /// What makes a repository one of an adapter.
  package static let adapter = "adapter_config.json"
  private static let adapterWeights = "adapter_model.safetensors"
  private static let weights = "model.safetensors"
  private static let index = "model.safetensors.index.json"
  private static let longestFile = 1 << 26

  /// Settings that are read where they stand, of the model or of one of its modules.
  private static let settings: Set<String> = Set(
    [
      "config.json", modules, adapter, index, "config_sentence_transformers.json",
      "generation_config.json", "tokenizer.json", "tokenizer_config.json",
      "special_tokens_map.json", "added_tokens.json", "vocab.txt", "vocab.json", "merges.txt",
      "chat_template.jinja", "martlet.json", "reference.json",
    ]
      + ["bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet"].map {
        "sentence_\($0)_config.json"
      })
  /// Ends of the names of files whose weights are not read, with what they are.
  private static let otherWeights = [
    (".bin", "pickles"), (".pt", "pickles"), (".pth", "pickles"), (".ckpt", "pickles"),
    (".gguf", "GGUF"), (".onnx", "ONNX"), (".h5", "TensorFlow"), (".msgpack", "Flax"),
  ]

  /// The files of a repository.
  package init(_ names: Set<String>) { self.names = names }

  /// A file of a folder, whose name is empty for the repository itself.
  private static func path(_ folder: String, _ name: String) -> String {
    folder.isEmpty ? name : folder + "/" + name
  }

  /// The folders that hold a part of the model, the encoder's first.
  /// - Parameter read: gives a file's bytes.
  package func folders(_ read: (String) -> Data?) -> [String] {
    guard names.contains(Self.modules), let data = read(Self.modules),
      let list = try? JSONValue(parsing: data, limits: JSONLimits(fileBytes: data.count)).arrayValue
    else { return [""] }
    var folders: [String] = []
    for module in list.prefix(64) {
      let folder = module["path"]?.stringValue ?? ""
      if !folders.contains(folder), folder.isEmpty || HubName.isRelativePath(folder) {
        folders.append(folder)
      }
    }
    return folders.isEmpty ? [""] : folders
  }

  /// Settings and tokenizer in these folders and in the repository itself.
  package func settings(in folders: [String]) -> [String] {
    Set(folders + [""]).flatMap { folder in
      let hasTokenizer = names.contains(Self.path(folder, "tokenizer.json"))
      return names.filter { path in
        let parts = path.split(byte: "/")
        guard let name = parts.last, parts.dropLast().joined(separator: "/") == folder else {
          return false
        }
        if name == Self.index { return !names.contains(Self.path(folder, Self.weights)) }
        let isSentencePiece = [".model", ".spm"].contains { name.hasSuffix($0) }
        return Self.settings.contains(name) || isSentencePiece && !hasTokenizer
      }
    }.sorted()
  }

  /// Settings whose absence is worth knowing, because programs ask for them.
  package func missingSettings(in folders: [String]) -> [String] {
    let encoder = folders.first ?? ""
    let all =
      Self.settings.map { $0 }
      + (encoder.isEmpty ? [] : Self.settings.map { Self.path(encoder, $0) })
    return all.filter { !names.contains($0) }.sorted()
  }

  /// The weights in these folders.
  /// - Parameters:
  ///   - folders: the encoder's first, which must have weights.
  ///   - read: gives a file's bytes.
  /// - Throws: `HubError.noWeights` where there are none, or none that can be read.
  package func weights(
    in folders: [String], of name: String, _ read: (String) -> Data?
  ) throws(HubError) -> [String] {
    if names.contains(Self.adapter) {
      guard names.contains(Self.adapterWeights) else {
        throw .noWeights(name: name, others: others(in: ""))
      }
      return [Self.adapterWeights]
    }
    var found: [String] = []
    for (number, folder) in folders.enumerated() {
      let index = Self.path(folder, Self.index)
      if names.contains(Self.path(folder, Self.weights)) {
        found.append(Self.path(folder, Self.weights))
      } else if names.contains(index), let data = read(index) {
        found += try shards(data, index: index, folder: folder)
      } else if number == 0 || others(in: folder).contains(where: { $0.kind == "pickles" }) {
        throw .noWeights(name: name, others: others(in: folder))
      }
    }
    return found
  }

  /// - Throws: `HubError.noWeights` where no file holds weights that are read: known before anything is downloaded.
  package func checkHasWeights(of name: String) throws(HubError) {
    guard names.contains(where: { $0.hasSuffix(".safetensors") }) else {
      throw .noWeights(name: name, others: others(in: ""))
    }
  }

  private func shards(
    _ data: Data, index: String, folder: String
  ) throws(HubError) -> [String] {
    guard let json = try? JSONValue(parsing: data, limits: JSONLimits(fileBytes: data.count)),
      let map = json["weight_map"]?.objectValue, data.count <= Self.longestFile
    else { throw .badFile(name: index, problem: "names no shards") }
    let shards = Set(map.values.compactMap(\.stringValue))
    for shard in shards where !names.contains(Self.path(folder, shard)) {
      throw .badFile(name: index, problem: "names \(shard.prefix(100)), which the hub has not")
    }
    return shards.sorted().map { Self.path(folder, $0) }
  }

  /// Files with weights that are not read, and what they are.
  private func others(in folder: String) -> [(name: String, kind: String)] {
    names.sorted().compactMap { name in
      let isHere = folder.isEmpty || name.hasPrefix(folder + "/")
      return isHere
        ? Self.otherWeights.first { name.hasSuffix($0.0) }.map { (name, $0.1) } : nil
    }
  }

  // MARK: - What is on disk

  private static func reader(_ directory: String) -> (String) -> Data? {
    { FileManager.default.contents(atPath: "\(directory)/\($0)") }
  }

  /// Whether there is a tokenizer.
  package func hasTokenizer(in directory: String) -> Bool {
    let folders = folders(Self.reader(directory))
    return settings(in: [folders.first ?? ""]).contains { path in
      let name = path.split(byte: "/").last ?? ""
      return ["tokenizer.json", "vocab.txt", "vocab.json"].contains(name)
        || [".model", ".spm"].contains { name.hasSuffix($0) }
    }
  }

  /// Whether weights, settings and tokenizer are in `directory`, whose files these are.
  func canBeLoaded(from directory: String) -> Bool {
    let read = Self.reader(directory)
    let folders = folders(read)
    guard (try? weights(in: folders, of: "", read)) != nil else { return false }
    if names.contains(Self.adapter) { return true }
    return hasTokenizer(in: directory)
      && (names.contains(Self.modules)
        || names.contains(Self.path(folders.first ?? "", "config.json")))
  }

  /// Files that change a model's answers where they are there.
  func deciding(in directory: String) -> [String] {
    if names.contains(Self.adapter) { return [] }
    let encoder = folders(Self.reader(directory)).first ?? ""
    return [Self.modules, Self.adapter]
      + ["tokenizer.json", "tokenizer_config.json"].map { Self.path(encoder, $0) }
      + (names.contains(Self.modules) ? ["config_sentence_transformers.json"] : [])
  }
}
