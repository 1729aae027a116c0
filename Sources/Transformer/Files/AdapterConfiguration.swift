import Foundation
import HubCache
import JSON

/// What peft's `adapter_config.json` says of low-rank additions (LoRA) to another model.
public struct AdapterConfiguration {
  /// The file's name, which makes a directory one of an adapter.
  static let name = "adapter_config.json"

  /// Features that change the mathematics and are not there, by their keys.
  private static let unsupported = [
    "use_dora", "lora_bias", "use_qalora", "use_bdlora", "fan_in_fan_out", "layer_replication",
    "trainable_token_indices", "target_parameters", "alora_invocation_tokens", "velora_config",
    "monteclora_config", "arrow_config", "kasa_config", "megatron_config",
  ]
  /// Starts of A and B that leave the base's weights as they are; others take a part of them away.
  private static let plainStarts = ["gaussian", "eva", "orthogonal"]
  static let largestRank = 1 << 14

  let path: String
  /// Where the base is, as the file says.
  let base: String
  /// The base's revision on the hub; nil for the main one.
  let revision: String?
  /// What the head is for, in peft's words.
  let task: String?
  private let rank: Int
  private let alpha: Double
  /// Whether α is divided by the rank's root (Kalajdzievski, 2023).
  private let usesRoot: Bool
  private let ranks: [(layer: String, value: Double)]
  private let alphas: [(layer: String, value: Double)]

  /// Whether `directory` holds an adapter.
  package static func isIn(_ directory: String) -> Bool {
    FileManager.default.fileExists(atPath: directory + "/" + name)
  }

  /// Reads the file in `directory`.
  init(directory: String) throws {
    let path = directory + "/" + Self.name
    try self.init(ModelConfigurationFile.json(path: path), path: path)
  }

  /// Reads `json`, which messages call `path`.
  ///
  /// - Throws: `ModelError` naming the key.
  public init(_ json: JSONValue, path: String) throws {
    func bad(_ key: String, _ problem: String) -> ModelError {
      .badConfiguration(path: path, key: key, problem: problem)
    }
    func unsupported(_ what: String, _ supported: String) -> ModelError {
      .unsupported(path: path, what: what, supported: supported)
    }
    guard json.objectValue != nil else { throw bad("", "is not a JSON object") }
    guard let type = json["peft_type"]?.stringValue else { throw bad("peft_type", "is missing") }
    guard type == "LORA" else {
      throw unsupported("peft_type \"\(type.prefix(100))\"", "LORA")
    }
    for key in Self.unsupported where json[key].map(Self.isOn) ?? false {
      throw unsupported("\"\(key)\"", "plain LoRA and rank-stabilised LoRA of linear layers")
    }
    if let bias = json["bias"], bias.stringValue != "none", !bias.isNull {
      throw unsupported("\"bias\": \(bias.serialized().prefix(100))", "\"none\"")
    }
    if let start = json["init_lora_weights"], !start.isNull, start.boolValue == nil,
      !Self.plainStarts.contains(start.stringValue ?? "")
    {
      throw unsupported(
        "\"init_lora_weights\": \(start.serialized().prefix(100)), which changes the base's weights,",
        "true, false, " + Self.plainStarts.joined(separator: ", ")
          + "; save such an adapter with path_initial_model_for_weight_conversion")
    }
    guard let base = json["base_model_name_or_path"]?.stringValue, !base.utf8.isEmpty,
      base.utf8.count < 4096, !base.utf8.contains(0)
    else {
      throw bad("base_model_name_or_path", "names no model. Write the path of the base's directory")
    }
    guard let rank = json["r"]?.intValue, (1...Self.largestRank).contains(rank) else {
      throw bad("r", "is not a rank from 1 to \(Self.largestRank)")
    }
    guard let alpha = json["lora_alpha"]?.doubleValue, Self.isSound(alpha) else {
      throw bad("lora_alpha", "is not a number from -1000000 to 1000000")
    }
    (self.path, self.base, self.rank, self.alpha) = (path, base, rank, alpha)
    task = json["task_type"]?.stringValue
    revision = json["revision"]?.stringValue
    usesRoot = json["use_rslora"]?.boolValue ?? false
    ranks = try Self.pattern("rank_pattern", json, path)
    alphas = try Self.pattern("alpha_pattern", json, path)
  }

  private static func isSound(_ value: Double) -> Bool { abs(value) <= 1e6 }

  /// Whether the value of a feature's key switches it on.
  private static func isOn(_ value: JSONValue) -> Bool {
    if value.isNull || value.boolValue == false { return false }
    if let object = value.objectValue { return !object.isEmpty }
    if let array = value.arrayValue { return !array.isEmpty }
    return value.stringValue.map { !$0.isEmpty } ?? true
  }

  /// Values by the end of a layer's name. peft reads regular expressions; plain names are what it writes.
  private static func pattern(
    _ key: String, _ json: JSONValue, _ path: String
  ) throws -> [(layer: String, value: Double)] {
    guard let value = json[key], !value.isNull else { return [] }
    guard let object = value.objectValue else {
      throw ModelError.badConfiguration(path: path, key: key, problem: "is not an object")
    }
    return try zip(object.keys, object.values).map { layer, value in
      let isPlain = layer.utf8.allSatisfy {
        $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-")
          || (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0)
      }
      guard isPlain else {
        throw ModelError.unsupported(
          path: path, what: "the regular expression \"\(layer.prefix(100))\" in \"\(key)\"",
          supported: "names of layers")
      }
      guard let number = value.doubleValue, isSound(number) else {
        throw ModelError.badConfiguration(
          path: path, key: key, problem: "has no number for \"\(layer.prefix(100))\"")
      }
      return (layer, number)
    }
  }

  private static func value(
    _ values: [(layer: String, value: Double)], of layer: String
  ) -> Double? {
    values.first { layer == $0.layer || layer.hasSuffix("." + $0.layer) }?.value
  }

  /// The rank of the addition to `layer`.
  func rank(of layer: String) -> Int {
    Self.value(ranks, of: layer).flatMap { Int(exactly: $0) } ?? rank
  }

  /// What multiplies B · A in `layer`.
  func scale(of layer: String) -> Float {
    let alpha = Self.value(alphas, of: layer) ?? self.alpha
    let rank = Double(rank(of: layer))
    return Float(alpha / (usesRoot ? rank.squareRoot() : rank))
  }

  /// The base's name on a hub; nil where it is a path alone.
  package var baseName: HubName? { HubName(base + (revision.map { "@" + $0 } ?? "")) }

  /// The name of a base that is neither on disk nor in the cache, where `directory` holds an adapter of one.
  ///
  /// - Throws: `ModelError` naming the key.
  package static func missingBase(of directory: String) throws -> HubName? {
    guard isIn(directory) else { return nil }
    let configuration = try AdapterConfiguration(directory: directory)
    guard let name = configuration.baseName,
      (try? configuration.baseDirectory(from: directory)) == nil
    else { return nil }
    return name
  }

  /// The base's directory: the path as it stands, if it is absolute; else from the adapter's directory on or from where the
  /// program runs; else a directory of that name beside the adapter's; else what is in the cache of that name.
  ///
  /// - Throws: `ModelError.missingBase`.
  func baseDirectory(from directory: String) throws -> String {
    let folder = URL(fileURLWithPath: directory).standardizedFileURL
    let name = URL(fileURLWithPath: base).lastPathComponent
    let beside = folder.deletingLastPathComponent().appendingPathComponent(name).path
    let places = base.hasPrefix("/") ? [base] : [folder.path + "/" + base, base]
    let cached = baseName.flatMap { HubSettings.cache().snapshot($0)?.path }
    let found = (places + [beside] + [cached].compactMap { $0 }).first { place in
      ["config.json", "modules.json"].contains {
        FileManager.default.fileExists(atPath: place + "/" + $0)
      }
    }
    guard let found else {
      throw ModelError.missingBase(path: path, base: base, beside: beside)
    }
    return found
  }
}
