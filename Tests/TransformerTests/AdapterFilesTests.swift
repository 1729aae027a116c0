import Foundation
import JSON
import Tensor
import Testing
import Tokenization
import Transformer

/// Adapters as peft writes them, with something wrong.
@Suite("Files of adapters")
struct AdapterFilesTests {
  /// Lays a BERT and an adapter of it out, and removes both.
  private func withAdapter(_ body: (_ base: String, _ adapter: String) throws -> Void) throws {
    let family = try #require(
      FamilyCase.all.first { $0.testDescription == "bert text-classification" })
    try family.withDirectory { base in
      let adapter = base + "-adapter"
      defer { try? FileManager.default.removeItem(atPath: adapter) }
      let parameters = try ModelDirectory.read(base)
      var shape = parameters.shape
      shape.adapter = shape.adapter(rank: 2, scale: 2, targets: [.query, .value])
      let whole = ModelParameters(shape)
      for spec in whole.tensors {
        if let source = parameters[spec.key] { whole.matrix(spec).copy(from: source) }
      }
      try ModelDirectory.writeAdapter(whole, base: base, to: adapter)
      try body(base, adapter)
    }
  }

  private func settings(_ adapter: String) throws -> JSONObject {
    let data = try Data(contentsOf: URL(fileURLWithPath: adapter + "/adapter_config.json"))
    return try #require(try JSONValue(parsing: data).objectValue)
  }

  private func write(_ json: JSONObject, _ adapter: String) throws {
    try Data(JSONValue.object(json).serializedBytes()).write(
      to: URL(fileURLWithPath: adapter + "/adapter_config.json"))
  }

  /// What loading says that is wrong.
  private func refusal(_ adapter: String) throws -> String {
    do {
      _ = try TextModel.load(directory: adapter)
    } catch let error as ModelError {
      return error.localizedDescription
    }
    Issue.record("\(adapter) loads")
    return ""
  }

  @Test("What is written says what peft needs, by the shortest names of layers")
  func written() throws {
    try withAdapter { base, adapter in
      let json = try settings(adapter)
      #expect(json["peft_type"] == "LORA" && json["task_type"] == "SEQ_CLS")
      #expect(json["target_modules"] == ["query", "value"])
      #expect(json["modules_to_save"] == ["classifier", "pooler"])
      #expect(json["r"] == 2 && json["lora_alpha"]?.doubleValue == 4)
      #expect(json["base_model_name_or_path"]?.stringValue == base)
      let model = try TextModel.load(directory: adapter)
      #expect(model.configuration.notes.last?.contains(base) == true)
      #expect(model.labels == ["red", "green", "blue"])
    }
  }

  @Test("A base is found from the adapter's directory on and beside it, and else asked for")
  func base() throws {
    try withAdapter { base, adapter in
      var json = try settings(adapter)
      let name = URL(fileURLWithPath: base).lastPathComponent
      for path in ["../" + name, "organisation/" + name, base + "/"] {
        json["base_model_name_or_path"] = .string(path)
        try write(json, adapter)
        #expect(try ModelDirectory.describe(adapter).task == .classification)
      }
      json["base_model_name_or_path"] = "BAAI/bge-base-en-v1.5"
      try write(json, adapter)
      let message = try refusal(adapter)
      #expect(message.contains("BAAI/bge-base-en-v1.5") && message.contains("/bge-base-en-v1.5,"))
      json["base_model_name_or_path"] = .string(adapter)
      try write(json, adapter)
      #expect(try refusal(adapter).contains("adapter of an adapter"))
    }
  }

  private static let features: [(String, JSONValue)] = [
    ("peft_type", "IA3"), ("use_dora", true), ("bias", "all"), ("lora_bias", true),
    ("use_qalora", true), ("fan_in_fan_out", true), ("layer_replication", [[0, 1]]),
    ("trainable_token_indices", [1]), ("target_parameters", ["x"]), ("init_lora_weights", "pissa"),
    ("init_lora_weights", "olora"), ("alora_invocation_tokens", [1]),
    ("rank_pattern", ["^model.*": 2]), ("a_future_feature", true),
  ]

  @Test("What peft has and is not there is refused by name")
  func features() throws {
    try withAdapter { _, adapter in
      let sound = try settings(adapter)
      for (key, value) in Self.features.dropLast() {
        var json = sound
        json[key] = value
        try write(json, adapter)
        let message = try refusal(adapter)
        #expect(message.contains(key) && message.contains("not supported"), "\(message)")
      }
    }
  }

  @Test("Settings that are missing or senseless are refused by an error that names them")
  func senseless() throws {
    let wrong: [JSONValue?] = [
      nil, .null, -1, 0, 1, 3, JSONValue(4_000_000), JSONValue(Int.max), 0.5, "x", [], [1], [:],
      true, false,
    ]
    try withAdapter { _, adapter in
      let sound = try settings(adapter)
      var refused = 0
      for key in sound.keys {
        for value in wrong {
          var json = sound
          json[key] = value
          try write(json, adapter)
          do {
            let model = try TextModel.load(directory: adapter)
            #expect(model.labels.count == 3)
            #expect(
              !["peft_type", "base_model_name_or_path"].contains(key)
                && !(["r", "lora_alpha"].contains(key) && value == nil), "\(key)")
          } catch let error as ModelError {
            refused += 1
            let message = error.localizedDescription
            #expect(message.contains("adapter_config.json") || message.contains("adapter_model"))
          }
        }
      }
      #expect(refused > 80)
    }
  }

  @Test("Weights of another shape, missing, or without a place are refused before they are read")
  func weights() throws {
    try withAdapter { base, adapter in
      let url = URL(fileURLWithPath: adapter + "/adapter_model.safetensors")
      let file = try SafeTensors(path: url.path)
      let names = file.entries.keys.sorted()
      let first = try #require(names.first { $0.hasSuffix(".lora_A.weight") })
      let second = first.replacingOccurrences(of: "lora_A", with: "lora_B")
      func tensor(_ name: String, _ shape: [Int]) -> (name: String, shape: [Int], bytes: Data) {
        (name, shape, Data(count: 4 * shape.reduce(1, *)))
      }
      func write(_ change: (inout [(name: String, shape: [Int], bytes: Data)]) -> Void) throws {
        var tensors = names.map { tensor($0, file.entries[$0]?.shape ?? []) }
        change(&tensors)
        try SafeTensors.encode(tensors).write(to: url)
      }
      for (shape, name) in [
        ([3, 16], first), ([2, 15], first), ([32], first), ([16, 3], second),
      ] {
        try write { tensors in
          tensors = tensors.map { $0.name == name ? tensor(name, shape) : $0 }
        }
        #expect(try refusal(adapter).contains("\"\(name)\""))
      }
      for name in [first, second] {
        try write { $0.removeAll { $0.name == name } }
        let partner = name == first ? second : first
        let message = try refusal(adapter)
        #expect(message.contains(name) || message.contains(partner))
      }
      let query = first.replacingOccurrences(of: ".lora_A.weight", with: "")
      for (name, shape) in [
        (query + ".lora_magnitude_vector.weight", [16]), ("base_model.model.other.weight", [2, 2]),
        ("base_model.model.bert.embeddings.word_embeddings.weight", [48, 16]),
        ("base_model.model.bert.nothing.lora_A.weight", [2, 16]), ("lora_A.weight", [2, 16]),
      ] {
        try write { $0.append(tensor(name, shape)) }
        #expect(
          try refusal(adapter).contains(name.replacingOccurrences(of: ".lora_A.weight", with: "")))
      }
      try write { $0.removeAll { $0.name.contains("lora_") } }
      #expect(try refusal(adapter).contains("lora_A"))
      // The head of another number of labels is the adapter's own affair.
      try FileManager.default.removeItem(atPath: adapter + "/config.json")
      try write { tensors in
        tensors = tensors.map {
          $0.name.hasSuffix("classifier.weight")
            ? tensor($0.name, [5, 16])
            : $0.name.hasSuffix("classifier.bias") ? tensor($0.name, [5]) : $0
        }
      }
      #expect(try TextModel.load(directory: adapter).labels == (0..<5).map { "LABEL_\($0)" })
      try FileManager.default.moveItem(
        atPath: url.path, toPath: adapter + "/adapter_model.bin")
      #expect(try refusal(adapter).contains("pickle"))
      #expect(throws: ModelError.self) { try Quantizer.write(adapter, to: base + "-small") }
    }
  }
}
