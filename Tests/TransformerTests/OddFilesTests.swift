import Foundation
import JSON
import Tensor
import Testing
import Tokenization
import Transformer

/// The tensors of a safetensors file, to be changed and written back.
private struct TensorFile {
  struct Entry {
    var type: String
    var shape: [Int]
    var bytes: Data
  }

  var entries: [String: Entry] = [:]
  var metadata: [String: String] = [:]

  init(_ path: String) throws {
    let file = try SafeTensors(path: path)
    let data = try Data(contentsOf: URL(fileURLWithPath: path))
    entries = file.entries.mapValues {
      Entry(type: $0.type, shape: $0.shape, bytes: Data(data[$0.bytes]))
    }
  }

  /// The file of `directory`, changed; shards become one file.
  static func change(_ directory: String, _ change: (inout TensorFile) throws -> Void) throws {
    let (single, index) = (
      directory + "/model.safetensors", directory + "/model.safetensors.index.json"
    )
    let manager = FileManager.default
    let shards = try manager.contentsOfDirectory(atPath: directory)
      .filter { $0.hasSuffix(".safetensors") }.map { directory + "/" + $0 }
    var file = try TensorFile(try #require(shards.first))
    for shard in shards.dropFirst() {
      file.entries.merge(try TensorFile(shard).entries) { first, _ in first }
    }
    try change(&file)
    for path in shards + [index] where manager.fileExists(atPath: path) {
      try manager.removeItem(atPath: path)
    }
    try file.write(single)
  }

  mutating func rename(_ name: (String) -> String) {
    entries = Dictionary(entries.map { (name($0.key), $0.value) }) { first, _ in first }
  }

  func write(_ path: String) throws {
    var header = JSONObject()
    var body = Data()
    if !metadata.isEmpty {
      var free = JSONObject()
      for (key, value) in metadata { free[key] = .string(value) }
      header["__metadata__"] = .object(free)
    }
    for (name, entry) in entries.sorted(by: { $0.key < $1.key }) {
      header[name] = [
        "dtype": .string(entry.type), "shape": .array(entry.shape.map { JSONValue($0) }),
        "data_offsets": [JSONValue(body.count), JSONValue(body.count + entry.bytes.count)],
      ]
      body.append(entry.bytes)
    }
    let text = JSONValue.object(header).serializedBytes()
    var length = UInt64(text.count).littleEndian
    try (Data(bytes: &length, count: 8) + Data(text) + body).write(to: URL(fileURLWithPath: path))
  }
}

/// Files as people have them: each is read as it is meant, or refused by one error that names tensor or key.
@Suite("Odd but valid files")
struct OddFilesTests {
  private static let rows: [[Int32]] = [[2, 7, 9, 3], [2, 5, 12, 19, 26, 33, 3]]

  private func logits(_ directory: String) throws -> [Float] {
    let kernels = try Kernels.best()
    return try Encoder(
      PackedWeights(ModelDirectory.read(directory), kernels: kernels), kernels: kernels
    ).logits(TokenBatch(Self.rows)).values
  }

  /// What a model says after a change of its files; its head and the cached trunk come by the way that serving takes.
  private func answers(_ directory: String) throws -> [Prediction] {
    try TextModel.load(directory: directory).predict(
      encoded: Self.rows.map {
        Encoding(ids: $0, typeIDs: $0.map { _ in 0 }, isTruncated: false, unknownCount: 0)
      })
  }

  private func expectSame(
    _ family: FamilyCase, _ what: String, _ change: (inout TensorFile) throws -> Void
  ) throws {
    try family.withDirectory { directory in
      let wanted = try (logits(directory), answers(directory))
      try TensorFile.change(directory, change)
      do {
        #expect(try logits(directory) == wanted.0, "\(what)")
        #expect(try answers(directory) == wanted.1, "\(what)")
      } catch {
        Issue.record("\(what): \(error.localizedDescription)")
      }
    }
  }

  /// What most names begin with: the family's own prefix.
  private func ownPrefix(_ file: TensorFile) -> String {
    let firsts = file.entries.keys.compactMap { $0.split(separator: ".").first.map(String.init) }
    let counts = Dictionary(firsts.map { ($0, 1) }, uniquingKeysWith: +)
    return (counts.max { ($0.value, $0.key) < ($1.value, $1.key) }?.key ?? "") + "."
  }

  @Test("What wrappers put before names is seen through", arguments: EncoderFamilyTests.cases)
  func prefixes(family: FamilyCase) throws {
    for prefix in [
      "module.", "model.", "_orig_mod.", "module.module.", "model.model.", "module._orig_mod.",
    ] {
      try expectSame(family, prefix) { $0.rename { prefix + $0 } }
    }
    try expectSame(family, "no prefix") { file in
      let own = ownPrefix(file)
      file.rename { $0.hasPrefix(own) ? String($0.dropFirst(own.count)) : $0 }
    }
  }

  @Test(
    "Buffers and tensors of other kinds beside are left alone", arguments: EncoderFamilyTests.cases)
  func beside(family: FamilyCase) throws {
    try expectSame(family, "beside") { file in
      let own = ownPrefix(file)
      file.entries[own + "embeddings.position_ids"] = TensorFile.Entry(
        type: "I64", shape: [1, 4], bytes: Data(count: 32))
      file.entries["position_ids"] = TensorFile.Entry(
        type: "I64", shape: [1, 4], bytes: Data(count: 32))
      file.entries["num_batches_tracked"] = TensorFile.Entry(
        type: "I64", shape: [], bytes: Data(count: 8))
      file.entries["criterion.weight"] = TensorFile.Entry(
        type: "F64", shape: [2], bytes: Data(repeating: 0xFF, count: 16))
      file.entries["seen"] = TensorFile.Entry(type: "BOOL", shape: [3], bytes: Data(count: 3))
    }
  }

  @Test("Weights in double precision are read", arguments: EncoderFamilyTests.cases)
  func doubles(family: FamilyCase) throws {
    try expectSame(family, "F64") { file in
      for (name, entry) in file.entries where entry.type == "F32" {
        var bytes = Data()
        entry.bytes.withUnsafeBytes { raw in
          for index in 0..<raw.count / 4 {
            let value = Double(raw.loadUnaligned(fromByteOffset: 4 * index, as: Float.self))
            withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
          }
        }
        file.entries[name] = TensorFile.Entry(type: "F64", shape: entry.shape, bytes: bytes)
      }
    }
  }

  @Test("Norms are found as gamma and beta", arguments: ["bert", "roberta", "deberta"])
  func gammas(name: String) throws {
    let family = try #require(
      EncoderFamilyTests.cases.first { $0.testDescription == name + " text-classification" })
    try expectSame(family, name) { file in
      file.rename {
        $0.replacing("LayerNorm.weight", with: "LayerNorm.gamma")
          .replacing("LayerNorm.bias", with: "LayerNorm.beta")
      }
    }
  }

  @Test(
    "A table that is stored once, under the name of what it is tied to, is found",
    arguments: EncoderFamilyTests.cases)
  func tied(family: FamilyCase) throws {
    try expectSame(family, "tied") { file in
      // As safetensors.torch.save_model keeps one of two names, and says so in the file's metadata.
      let words = try #require(
        file.entries.keys.first {
          $0.hasSuffix("word_embeddings.weight") || $0.hasSuffix("embed_tokens.weight")
            || $0.hasSuffix("tok_embeddings.weight")
        })
      file.entries["lm_head.weight"] = file.entries.removeValue(forKey: words)
      file.metadata = [words: "lm_head.weight", "format": "pt"]
    }
  }

  @Test("A tensor of another shape is refused by its name", arguments: EncoderFamilyTests.cases)
  func shapes(family: FamilyCase) throws {
    try family.withDirectory { directory in
      var names: [String] = []
      try TensorFile.change(directory) { names = $0.entries.keys.sorted() }
      let path = directory + "/model.safetensors"
      let whole = try TensorFile(path)
      func load() throws { _ = try ModelDirectory.read(directory) }
      for name in names {
        var file = whole
        var entry = try #require(file.entries[name])
        let row = entry.bytes.count / max(1, entry.shape.first ?? 1)
        entry.shape = [(entry.shape.first ?? 0) + 1] + entry.shape.dropFirst()
        entry.bytes.append(Data(count: row))
        file.entries[name] = entry
        try file.write(path)
        do {
          try load()
          // Only what nothing reads, such as the heads of other tasks.
          file.entries[name] = nil
          try file.write(path)
          #expect(throws: Never.self, "\(name) was taken") { try load() }
        } catch {
          #expect(error.localizedDescription.contains("\"\(name)\""), "\(error)")
        }
      }
    }
  }

  // MARK: - config.json

  private func configuration(
    _ directory: String, _ change: (inout JSONObject) -> Void
  ) throws {
    let path = URL(fileURLWithPath: directory + "/config.json")
    var json = try #require(try JSONValue(parsing: Data(contentsOf: path)).objectValue)
    change(&json)
    try Data(JSONValue.object(json).serializedBytes()).write(to: path)
  }

  private static let activationKeys = [
    "hidden_act", "hidden_activation", "activation", "activation_function", "feed_forward_type",
  ]

  @Test(
    "One key names the activation, and others beside it do not count",
    arguments: EncoderFamilyTests.cases)
  func activations(family: FamilyCase) throws {
    var own: [String] = []
    for key in Self.activationKeys {
      try family.withDirectory { directory in
        try configuration(directory) { $0[key] = 5 }
        do { _ = try logits(directory) } catch {
          #expect(error.localizedDescription.contains("\"\(key)\" is not a name"), "\(error)")
          own.append(key)
        }
      }
    }
    #expect(own.count == 1, "\(own)")
    try family.withDirectory { directory in
      let wanted = try logits(directory)
      try configuration(directory) { json in
        for key in Self.activationKeys where !own.contains(key) { json[key] = "relu2" }
      }
      #expect(try logits(directory) == wanted)
    }
  }

  @Test("A key that stands twice is refused by its name")
  func twice() throws {
    try #require(EncoderFamilyTests.cases.first).withDirectory { directory in
      let path = directory + "/config.json"
      let text = try String(contentsOfFile: path, encoding: .utf8)
      try text.replacing(#""hidden_act":"#, with: #""hidden_act": "relu", "hidden_act":"#)
        .write(toFile: path, atomically: true, encoding: .utf8)
      do {
        _ = try TextModel.load(directory: directory)
        Issue.record("it was taken")
      } catch { #expect(error.localizedDescription.contains("hidden_act"), "\(error)") }
    }
  }

  @Test(
    "Heads that do not divide, and windows of 0, are refused by key or tensor",
    arguments: EncoderFamilyTests.cases)
  func senseless(family: FamilyCase) throws {
    let keys: [(String, JSONValue)] = [
      ("num_attention_heads", 5), ("n_heads", 5), ("n_head", 5), ("num_key_value_heads", 5),
      ("sliding_window", 0), ("local_attention", 0), ("sliding_window", -1),
      ("local_attention", -1),
    ]
    for (key, value) in keys {
      try family.withDirectory { directory in
        var isThere = false
        try configuration(directory) { json in
          let isQwen = family.testDescription.hasPrefix("qwen")
          let isUnused = isQwen && key == "sliding_window" && json["use_sliding_window"] != true
          isThere = json[key].map { !$0.isNull } ?? false && !isUnused
          if isThere { json[key] = value }
        }
        guard isThere else { return }
        do {
          _ = try TextModel.load(directory: directory)
          Issue.record("\(key) of \(value) was taken")
        } catch {
          let said = error.localizedDescription
          #expect(
            said.contains(key) || said.contains("tensor \"") || said.contains("the 5 heads"),
            "\(said)")
        }
      }
    }
  }

  @Test("Layers with a window need one")
  func windows() throws {
    for name in ["qwen2", "qwen3", "gemma2", "gemma3_text"] {
      for family in EncoderFamilyTests.cases where family.testDescription.hasPrefix(name + " ") {
        try family.withDirectory { directory in
          try configuration(directory) { json in
            let count = json["num_hidden_layers"]?.intValue ?? 0
            json["layer_types"] = .array((0..<count).map { _ in "sliding_attention" })
            json["sliding_window"] = .null
          }
          do {
            _ = try TextModel.load(directory: directory)
            Issue.record("\(name) was taken")
          } catch { #expect(error.localizedDescription.contains("sliding_window"), "\(error)") }
        }
      }
    }
  }

  @Test(
    "Labels as a list, with a hole, none, and a count beside them that says otherwise",
    arguments: [
      (#"["red", "green", "blue"]"#, nil, ["red", "green", "blue"]),
      (#"{"0": "red", "1": "green", "2": "blue"}"#, 7, ["red", "green", "blue"]),
      (#"["red", "green", "blue"]"#, 2, ["red", "green", "blue"]),
      ("null", 3, ["LABEL_0", "LABEL_1", "LABEL_2"]),
      (#"{"0": "red", "2": "blue", "3": "green"}"#, nil, nil), (#"["red", 5, "blue"]"#, nil, nil),
      (#"["red", "red", "blue"]"#, nil, nil), (#""red""#, 3, nil), ("[]", 3, nil),
      (#"{"red": 0, "green": 1, "blue": 2}"#, nil, nil),
    ] as [(String, Int?, [String]?)])
  func labels(names: String, count: Int?, wanted: [String]?) throws {
    try #require(EncoderFamilyTests.cases.first).withDirectory { directory in
      try configuration(directory) { json in
        json["id2label"] = try? JSONValue(parsing: names)
        if let count { json["num_labels"] = JSONValue(count) }
      }
      do {
        let model = try TextModel.load(directory: directory)
        #expect(model.labels == wanted)
      } catch {
        #expect(wanted == nil && error.localizedDescription.contains("\"id2label\""), "\(error)")
      }
    }
  }

  @Test("As many labels as there are not rows are refused by the tensor")
  func labelCount() throws {
    try #require(EncoderFamilyTests.cases.first).withDirectory { directory in
      try configuration(directory) { $0["id2label"] = ["0": "a", "1": "b"] }
      do {
        _ = try TextModel.load(directory: directory)
        Issue.record("it was taken")
      } catch {
        #expect(error.localizedDescription.contains("\"classifier.weight\""), "\(error)")
      }
    }
  }

  @Test("A vocabulary that is padded in the weights, or in the config alone")
  func vocabulary() throws {
    let directory = try OddModel.write(
      family: "bert", tokenizer: OddModel.tokenizer(frame: OddModel.frame()))
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let words = "bert.embeddings.word_embeddings.weight"
    let wanted = try TextModel.load(directory: directory).predict([TextInput("hello")])
    try TensorFile.change(directory) { file in
      file.entries[words]?.shape[0] = 64
      file.entries[words]?.bytes.append(Data(count: (64 - 6) * 8 * 4))
    }
    do {
      _ = try TextModel.load(directory: directory)
      Issue.record("it was taken")
    } catch { #expect(error.localizedDescription.contains("\"\(words)\" is F32 [64, 8]")) }
    try configuration(directory) { $0["vocab_size"] = 64 }
    #expect(try TextModel.load(directory: directory).predict([TextInput("hello")]) == wanted)
  }
}
