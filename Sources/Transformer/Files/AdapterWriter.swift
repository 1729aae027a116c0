import Files
import Foundation
import HubCache
import JSON
import Tensor

/// Writes low-rank additions and the head of a model as peft does: `adapter_config.json`, `adapter_model.safetensors`, and the
/// `config.json` that says which labels there are.
struct AdapterWriter {
  private let parameters: ModelParameters
  private let adapter: AdapterShape
  private let base: String
  private let revision: String?

  /// - Parameter base: directory of the model that the additions go to.
  init?(_ parameters: ModelParameters, base: String) {
    guard let adapter = parameters.shape.adapter else { return nil }
    (self.parameters, self.adapter) = (parameters, adapter)
    // What came from a hub is called so, for whoever has the adapter elsewhere.
    let snapshot = HubCache.name(ofSnapshot: base)
    self.base = snapshot?.name.id ?? URL(fileURLWithPath: base).standardizedFileURL.path
    revision = snapshot?.commit
  }

  /// - Throws: `ModelError` or `FileError`.
  func write(to directory: String) throws {
    let shape = parameters.shape
    let writer = try ParameterWriter(parameters, path: directory)
    let layers = shape.linearLayers
    func layer(_ addition: AdapterShape.Addition) -> LinearLayer? {
      layers.first { $0.product == addition.product && $0.number == addition.layer }
    }
    let prefix = shape.head == nil ? "" : shape.architecture?.tensorPrefix ?? ""
    func name(_ layer: LinearLayer) -> String {
      (layer.isPrefixed ? prefix : "") + layer.name
    }
    var tensors = writer.tensors { $0.key.place == .head && !$0.key.isLowRank }
    let saved = Set(
      tensors.map { tensor in
        let own =
          tensor.name.hasPrefix(prefix) ? tensor.name.dropFirst(prefix.count) : tensor.name[...]
        return String(own.prefix { $0 != "." })
      })
    for addition in adapter.additions {
      guard let layer = layer(addition), let down = parameters[addition.down],
        let up = parameters[addition.up]
      else { continue }
      let stored = Matrix(rows: up.rows, columns: up.columns)
      for run in layer.runs { stored.rowRange(run.stored).copy(from: up.rowRange(run.ours)) }
      for (end, matrix) in [("A", down), ("B", stored)] {
        tensors.append(
          (
            "\(name(layer)).lora_\(end).weight", [matrix.rows, matrix.columns],
            matrix.buffer.bytes(matrix.offset..<matrix.offset + matrix.count)
          ))
      }
    }
    let chosen = Set(adapter.additions.compactMap { layer($0).map(name) })
    let config = configuration(
      targets: Self.targets(chosen, among: Set(layers.map(name))), saved: saved.sorted())
    guard let own = ModelConfigurationFile.encode(shape) else {
      throw ModelError.unsupported(
        path: directory, what: "model_type \"\(shape.modelType)\"",
        supported: Architecture.supported)
    }
    let file = SafeTensors.encode(
      tensors.map { (name: AdapterReader.prefix + $0.name, shape: $0.shape, bytes: $0.bytes) }
        .sorted { $0.name < $1.name }, metadata: ["format": "pt"])
    try Folder.make(directory)
    try OutputFile.write(own.serializedBytes(pretty: true), to: directory + "/config.json")
    try OutputFile.write(file, to: directory + "/" + AdapterReader.weights)
    try OutputFile.write(
      config.serializedBytes(pretty: true), to: directory + "/" + AdapterConfiguration.name)
  }

  /// The ends of names that mean the layers `chosen` and no other: the shortest of whole words, or the names themselves.
  static func targets(_ chosen: Set<String>, among all: Set<String>) -> [String] {
    let others = all.subtracting(chosen)
    func has(_ end: String, _ name: String) -> Bool { name == end || name.hasSuffix("." + end) }
    let ends = chosen.map { name -> String in
      let words = name.split(separator: ".")
      for count in 1...words.count {
        let end = words.suffix(count).joined(separator: ".")
        if !others.contains(where: { has(end, $0) }) { return end }
      }
      return name
    }
    return Set(ends).sorted()
  }

  private func configuration(targets: [String], saved: [String]) -> JSONValue {
    let rank = adapter.additions.first?.rank ?? 1
    let alpha = Double((adapter.additions.first?.scale ?? 1) * Float(rank))
    var json: JSONObject = [
      "peft_type": "LORA",
      "task_type": parameters.shape.head == nil ? "FEATURE_EXTRACTION" : "SEQ_CLS",
      "base_model_name_or_path": .string(base), "r": JSONValue(rank),
      "lora_alpha": JSONValue(alpha),
      "lora_dropout": .digits(adapter.dropout),
      "target_modules": .array(targets.map { .string($0) }),
      "modules_to_save": .array(saved.map { .string($0) }), "bias": "none",
      "fan_in_fan_out": false, "inference_mode": true, "init_lora_weights": true,
      "use_rslora": false, "use_dora": false, "rank_pattern": [:], "alpha_pattern": [:],
    ]
    if let revision { json["revision"] = .string(revision) }
    return .object(json)
  }
}
