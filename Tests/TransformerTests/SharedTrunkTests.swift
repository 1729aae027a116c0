import Foundation
import JSON
import Tensor
import Testing
import Tokenization
import Transformer

@Suite("Heads over one trunk")
struct SharedTrunkTests {
  private static let batch: [[Int32]] = [
    [2, 7, 9, 3], [2, 3], [2, 5, 12, 19, 26, 33, 40, 47, 11, 18, 25, 3], [2, 7, 9, 3],
  ]

  /// The directory's copy with other words in its `config.json`.
  private func copy(
    _ directory: String, _ name: String, _ change: (inout JSONObject) -> Void = { _ in }
  ) throws -> String {
    let copy = directory + "-" + name
    try FileManager.default.copyItem(atPath: directory, toPath: copy)
    let path = URL(fileURLWithPath: copy + "/config.json")
    var json = try #require(try JSONValue(parsing: Data(contentsOf: path)).objectValue)
    change(&json)
    try Data(JSONValue.object(json).serializedBytes()).write(to: path)
    return copy
  }

  /// Changes the lowest bit of one number of a tensor.
  private func flip(_ tensor: String, in directory: String) throws {
    let url = URL(fileURLWithPath: directory + "/model.safetensors")
    let place = try #require(SafeTensors(path: url.path).entries[tensor]).bytes
    var data = try Data(contentsOf: url)
    data[place.upperBound - 4] ^= 1
    try data.write(to: url)
  }

  private func remove(_ directories: [String]) {
    for path in directories { try? FileManager.default.removeItem(atPath: path) }
  }

  private func odd(_ family: String = "bert") throws -> String {
    try OddModel.write(
      family: family, tokenizer: OddModel.tokenizer(frame: OddModel.frame()))
  }

  private func load(
    _ directories: [String], precision: Precision? = nil
  ) throws -> [TextModel] {
    let trunks = try SharedTrunks(precision: precision)
    return try directories.map { try TextModel.load(directory: $0, sharing: trunks) }
  }

  @Test(
    "Heads of every task over one trunk say together, to the bit, what each says alone",
    arguments: EncoderFamilyTests.cases, [Precision.f32, .auto])
  func together(family: FamilyCase, precision: Precision) throws {
    try family.withDirectory { directory in
      func task(_ name: String) throws -> String {
        try copy(directory, name) { $0["problem_type"] = .string(name) }
      }
      let directories = [
        directory, try task("multi_label_classification"), try task("regression"),
        try copy(directory, "bare") { json in
          let name = json["architectures"]?[0]?.stringValue ?? ""
          json["architectures"] = [
            .string(name.replacing("ForSequenceClassification", with: "Model"))
          ]
        },
      ]
      defer { remove(Array(directories.dropFirst())) }
      let models = try load(directories, precision: precision)
      models[0].makesSketches = true
      #expect(models.allSatisfy { $0.trunk == models[0].trunk })
      #expect(Set(models.map(\.task)).count == models.count)
      let inputs = try Self.batch.map {
        try EncodedInput(
          TextInput(""),
          Encoding(
            ids: $0, typeIDs: $0.map { _ in 0 }, isTruncated: false, unknownCount: 0))
      }
      let alone = try directories.map {
        try TextModel.load(directory: $0, precision: precision)
      }
      alone[0].makesSketches = true
      let wanted = try alone.map { try $0.predict(inputs).map { try $0.get() } }
      // All ask all, in another order each; then some ask some.
      for step in [1, 2, 3] {
        var questions: [(model: Int, input: Int)] = []
        for (number, _) in models.enumerated() {
          for input in stride(from: number % step, to: inputs.count, by: step) {
            questions.append((number, (input + number) % inputs.count))
          }
        }
        if step == 2 { questions.reverse() }
        let found = TextModel.predict(questions.map { (models[$0.model], inputs[$0.input]) })
        for (question, answer) in zip(questions, found) {
          #expect(try answer.get() == wanted[question.model][question.input], "\(question)")
        }
      }
    }
  }

  @Test("Token labels and vectors of all poolings come from the states that classes come from")
  func tasks() throws {
    let directory = try odd()
    let tokens = try copy(directory, "tokens") {
      $0["architectures"] = ["BertForTokenClassification"]
    }
    defer { remove([directory, tokens]) }
    let trunks = SharedTrunks(kernels: try .best())
    func all(_ load: (String, Pooling?) throws -> TextModel) throws -> [TextModel] {
      try [load(directory, nil), load(tokens, nil)]
        + Pooling.allCases.map { try load(directory, $0) }
    }
    let models = try all { try TextModel.load(directory: $0, pooling: $1, sharing: trunks) }
    let alone = try all { try TextModel.load(directory: $0, pooling: $1) }
    let inputs = try ["hello", "world hello", "hello world"].map {
      try models[0].encode(TextInput($0))
    }
    let questions = models.flatMap { model in inputs.map { (model, $0) } }
    let wanted = alone.flatMap { $0.predict(inputs) }
    #expect(TextModel.predict(questions) == wanted)
  }

  @Test("What is asked of the same tokens is computed once")
  func once() throws {
    let directory = try odd()
    defer { remove([directory]) }
    let models = try load([directory, directory, directory])
    #expect(models.allSatisfy { $0.trunk == models[0].trunk && $0.encodes(like: models[0]) })
    var products = 0
    models[1].progress = { products += 1 }
    let inputs = try ["hello", "world"].map { try models[0].encode(TextInput($0)) }
    func count(_ questions: [(model: TextModel, input: EncodedInput)]) -> Int {
      products = 0
      _ = TextModel.predict(questions)
      return products
    }
    let one = count([(models[0], inputs[0])])
    let heads = count(models.map { ($0, inputs[0]) })
    // A head has two products, a block of this family four.
    #expect(one == 4 * 2 + 2 && heads == 4 * 2 + 3 * 2)
    let separate = SharedSequences(
      [(0, 0), (1, 0), (0, 0), (1, 1), (1, 0), (2, 0)].map {
        (ObjectIdentifier(models[$0.0]), inputs[$0.1].encoding)
      })
    #expect(separate.encodings == [0, 0, 1].map { inputs[$0].encoding })
    #expect(separate.readers.map(\.sequences) == [[0, 1], [0, 2, 1], [0]])
  }

  @Test("One bit of the encoder makes another trunk, a bit of the head does not")
  func bits() throws {
    let directory = try odd()
    var directories = [directory]
    defer { remove(directories) }
    let file = try SafeTensors(path: directory + "/model.safetensors")
    for (number, name) in file.entries.keys.sorted().enumerated() {
      let other = try copy(directory, "\(number)")
      directories.append(other)
      try flip(name, in: other)
      let models = try load([directory, other])
      let isHead = name.hasPrefix("classifier") || name.hasPrefix("bert.pooler")
      #expect((models[0].trunk == models[1].trunk) == isHead, "\(name)")
    }
    #expect(directories.count > 30)
  }

  @Test("Other places, activations and norms make another trunk; other labels and dropout do not")
  func shapes() throws {
    let directory = try odd()
    let shorter = try OddModel.write(
      family: "bert", tokenizer: OddModel.tokenizer(frame: OddModel.frame()), maximumTokens: 12)
    let directories = [
      shorter, try copy(directory, "activation") { $0["hidden_act"] = "relu" },
      try copy(directory, "norm") { $0["layer_norm_eps"] = 1e-6 },
      try copy(directory, "labels") { $0["id2label"] = ["0": "x", "1": "y"] },
      try copy(directory, "dropout") { $0["classifier_dropout"] = 0.5 },
    ]
    defer { remove(directories + [directory]) }
    let shared = try directories.map { other in
      let models = try load([directory, other])
      return models[0].trunk == models[1].trunk
    }
    #expect(shared == [false, false, false, true, true])
  }

  @Test(
    "Other lengths and tokenizers make other tokens of one trunk's texts, and are no less right")
  func tokens() throws {
    let directory = try odd()
    let shorter = try copy(directory, "shorter")
    let other = try copy(directory, "tokenizer")
    defer { remove([directory, shorter, other]) }
    try Data(#"{"max_seq_length": 3}"#.utf8).write(
      to: URL(fileURLWithPath: shorter + "/sentence_bert_config.json"))
    try Data(
      OddModel.tokenizer(frame: OddModel.frame()).replacing("BertNormalizer", with: "Lowercase")
        .utf8
    ).write(to: URL(fileURLWithPath: other + "/tokenizer.json"))
    let models = try load([directory, shorter, other])
    #expect(models.allSatisfy { $0.trunk == models[0].trunk })
    #expect(!models[1].encodes(like: models[0]) && !models[2].encodes(like: models[0]))
    let text = TextInput("hello world hello")
    let questions = try models.map { ($0, try $0.encode(text)) }
    let wanted = try [directory, shorter, other].map {
      try TextModel.load(directory: $0).predict([text])[0]
    }
    #expect(wanted[1].isTruncated && !wanted[0].isTruncated)
    #expect(try TextModel.predict(questions).map { try $0.get() } == wanted)
  }

  @Test("Trunks in 8 bits, and with and without the family's prefix, are told by their bytes too")
  func stored() throws {
    let directory = try odd()
    let (head, bare) = (try copy(directory, "head"), try copy(directory, "bare"))
    let small = [directory, head].map { $0 + "-8bit" }
    defer { remove([directory, head, bare] + small) }
    try flip("classifier.weight", in: head)
    for (source, target) in zip([directory, head], small) {
      try Quantizer.write(source, to: target)
    }
    let file = try SafeTensors(path: bare + "/model.safetensors")
    let data = try Data(contentsOf: URL(fileURLWithPath: file.path))
    let tensors = file.entries.map { name, entry in
      (name: name.replacing("bert.", with: ""), shape: entry.shape, bytes: Data(data[entry.bytes]))
    }
    try SafeTensors.encode(tensors).write(to: URL(fileURLWithPath: file.path))
    let models = try load([directory, bare] + small)
    #expect(models[0].trunk == models[1].trunk)
    #expect(models[2].trunk == models[3].trunk)
    #expect(models[0].trunk != models[2].trunk)
    let texts = [TextInput("hello world")]
    for (model, path) in zip(models, [directory, bare] + small) {
      #expect(try model.predict(texts) == TextModel.load(directory: path).predict(texts))
    }
  }

  @Test("A tensor that has no place is refused behind a trunk that is known as well")
  func strangers() throws {
    let directory = try odd()
    let other = try copy(directory, "more")
    defer { remove([directory, other]) }
    let file = try SafeTensors(path: other + "/model.safetensors")
    let data = try Data(contentsOf: URL(fileURLWithPath: file.path))
    var tensors = file.entries.map { name, entry in
      (name: name, shape: entry.shape, bytes: Data(data[entry.bytes]))
    }
    tensors.append(("bert.encoder.layer.2.output.dense.bias", [8], Data(count: 32)))
    try SafeTensors.encode(tensors).write(to: URL(fileURLWithPath: file.path))
    #expect(throws: ModelError.self) { try load([directory, other]) }
  }
}
