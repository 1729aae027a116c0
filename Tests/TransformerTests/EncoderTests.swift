import Foundation
import JSON
import Tensor
import Testing
import Tokenization
import Transformer

/// A small model with seeded weights, and a batch for it.
private func smallModel(
  placement: BlockShape.Placement = .post,
  positions: PositionalEncoding = .sinusoidal, tokenTypes: Int = 0
) -> ModelParameters {
  let shape = ModelShape(
    modelType: tokenTypes > 0 && placement == .post ? "bert" : nil, vocabularySize: 50,
    hiddenSize: 24, layerCount: 2, headCount: 3, feedForwardSize: 40,
    maximumTokens: 32, labels: ["a", "b", "c"], placement: placement,
    positionalEncoding: positions, positionOffset: placement == .pre ? 1 : 0,
    tokenTypeCount: tokenTypes, dropout: DropoutShape(0))
  let parameters = ModelParameters(shape)
  var state: UInt64 = 42
  for index in 0..<parameters.buffer.count {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    parameters.buffer[index] = Float(state >> 40) / Float(1 << 24) - 0.5
  }
  for tensor in parameters.tensors where tensor.key.role == .gain {
    for index in tensor.range { parameters.buffer[index] += 1 }
  }
  return parameters
}

private func makeBatch() throws -> TokenBatch {
  try TokenBatch([[2, 7, 9, 3], [2, 3], [2, 11, 4, 40, 49, 8, 3]])
}

@Suite("Encoder")
struct EncoderTests {
  @Test(
    "Training and inference give the same logits", arguments: ["post", "pre"],
    PositionalEncoding.allCases)
  func tapeEqualsEncoder(normalization: String, positions: PositionalEncoding) throws {
    let kernels = try Kernels.best()
    let parameters = smallModel(
      placement: normalization == "pre" ? .pre : .post, positions: positions)
    let tape = EncoderTape(
      parameters: parameters, gradients: ModelParameters(parameters.shape),
      kernels: kernels)
    let encoder = Encoder(.init(parameters, kernels: kernels), kernels: kernels)
    let batch = try makeBatch()
    let trained = tape.forward(batch, dropoutSeed: nil).values
    let served = encoder.logits(batch).values
    for (a, b) in zip(trained, served) { #expect(abs(a - b) < 1e-4) }
  }

  @Test("The same bits alone and in a batch, and for any number of threads")
  func batchMatesDoNotMatter() throws {
    let kernels = try Kernels.best()
    let parameters = smallModel()
    let encoder = Encoder(.init(parameters, kernels: kernels), kernels: kernels)
    let batch = try makeBatch()
    let together = encoder.logits(batch).values
    let alone = try [[2, 7, 9, 3], [2, 3], [2, 11, 4, 40, 49, 8, 3]].flatMap {
      encoder.logits(try TokenBatch([$0])).values
    }
    #expect(together == alone)
    let two = try Kernels.best(threads: 2)
    #expect(Encoder(.init(parameters, kernels: two), kernels: two).logits(batch).values == together)
  }

  @Test(
    "The same bits in a batch of more rows than go through a feed-forward together",
    arguments: ["post", "pre"])
  func manyRows(normalization: String) throws {
    let kernels = try Kernels.best(threads: 2)
    let parameters = smallModel(placement: normalization == "pre" ? .pre : .post)
    let encoder = Encoder(.init(parameters, kernels: kernels), kernels: kernels)
    let rows: [[Int32]] = [[2, 7, 9, 3], [2, 3], [2, 11, 4, 40, 49, 8, 3]]
    let once = encoder.hiddenStates(try TokenBatch(rows)).values
    let many = encoder.hiddenStates(try TokenBatch((0..<60).flatMap { _ in rows })).values
    #expect(many == (0..<60).flatMap { _ in once })
  }

  @Test(
    "The gradient is the slope of the loss along any direction",
    arguments: [
      ("post", 0, PositionalEncoding.learned), ("pre", 1, .learned), ("post", 2, .learned),
      ("post", 0, .sinusoidal), ("post", 0, .rotary), ("pre", 0, .rotary), ("post", 0, .alibi),
      ("post", 0, .none),
    ])
  func gradient(
    normalization: String, tokenTypes: Int, positions: PositionalEncoding
  ) throws {
    let kernels = try Kernels.best(threads: 2)
    let parameters = smallModel(
      placement: normalization == "pre" ? .pre : .post, positions: positions,
      tokenTypes: tokenTypes)
    let gradients = ModelParameters(parameters.shape)
    let tape = EncoderTape(parameters: parameters, gradients: gradients, kernels: kernels)
    let labels = [0, 2, 1]
    let batch = try makeBatch()
    func loss() -> Double {
      tape.packWeights()
      let logits = tape.forward(batch, dropoutSeed: nil)
      return CrossEntropy.loss(logits: logits, labels: labels, gradient: logits)
    }
    _ = loss()
    let logits = tape.forward(batch, dropoutSeed: nil)
    _ = CrossEntropy.loss(logits: logits, labels: labels, gradient: logits)
    tape.backward(logits)
    let start = parameters.buffer.values(0..<parameters.buffer.count)
    for tensor in parameters.tensors {
      // Along the gradient itself the slope is the gradient's squared length.
      let slope = gradients.buffer.values(tensor.range).reduce(0.0) { $0 + Double($1) * Double($1) }
      guard slope > 1e-10 else { continue }
      let step = 0.01 / slope.squareRoot()
      func moved(_ sign: Double) -> Double {
        for index in tensor.range {
          parameters.buffer[index] =
            start[index] + Float(sign * step * Double(gradients.buffer[index]))
        }
        defer { for index in tensor.range { parameters.buffer[index] = start[index] } }
        return loss()
      }
      let measured = (moved(1) - moved(-1)) / (2 * step)
      #expect(abs(measured - slope) < 0.03 * slope + 2e-5, "\(tensor.key): \(measured) \(slope)")
    }
  }

  @Test("Order matters to a model with any encoding, and to none without")
  func order() throws {
    let kernels = try Kernels.best()
    for positions in PositionalEncoding.allCases {
      let parameters = smallModel(positions: positions)
      let encoder = Encoder(.init(parameters, kernels: kernels), kernels: kernels)
      let one = encoder.logits(try TokenBatch([[2, 7, 9, 12, 3]])).values
      let other = encoder.logits(try TokenBatch([[2, 12, 9, 7, 3]])).values
      let change = zip(one, other).map { abs($0 - $1) }.max() ?? 0
      #expect(positions == .none ? change < 1e-5 : change > 1e-3, "\(positions): \(change)")
    }
  }

  @Test("ALiBi's slopes are a geometric sequence, and scores fall by them")
  func alibi() throws {
    #expect(
      PositionalEncoding.distanceSlopes(heads: 8) == [
        0.5, 0.25, 0.125, 0.0625, 0.03125, 0.015625, 0.0078125, 0.00390625,
      ])
    for set in InstructionSet.available {
      let kernels = try #require(Kernels(set))
      let layout = try RaggedRows(lengths: [3])
      let fused = Matrix(rows: 3, columns: 24)
      for row in 0..<3 { fused[row, 16] = Float(row) }
      let output = Matrix(rows: 3, columns: 8)
      kernels.attention(
        fused: fused, layout: layout,
        form: AttentionForm(heads: 1, headSize: 8, slopes: [0.7]), output: output,
        scratch: AttentionScratch())
      // Scores are 0 but for the distance: the mean of 0, 1, 2 with weights e^(−0.7 · distance).
      let (a, b) = (exp(-0.7), exp(-1.4))
      #expect(abs(Double(output[0, 0]) - (a + 2 * b) / (1 + a + b)) < 1e-5)
      #expect(abs(Double(output[1, 0]) - 1) < 1e-5)
    }
  }

  @Test("Sinusoids are those of the 2017 paper")
  func sinusoids() {
    let table = PositionalEncoding.sinusoids(positions: 100, width: 16)
    for position in [0, 1, 50, 99] {
      for i in 0..<8 {
        let angle = Double(position) / pow(10000, Double(2 * i) / 16)
        #expect(abs(Double(table[position, 2 * i]) - sin(angle)) < 1e-6)
        #expect(abs(Double(table[position, 2 * i + 1]) - cos(angle)) < 1e-6)
      }
    }
  }
}

@Suite("Hugging Face directories")
struct ModelDirectoryTests {
  @Test(
    "What is written reads back the same", arguments: ["post", "pre", "bert"],
    PositionalEncoding.allCases)
  func roundTrip(kind: String, positions: PositionalEncoding) throws {
    let parameters = smallModel(
      placement: kind == "pre" ? .pre : .post, positions: positions,
      tokenTypes: kind == "post" ? 0 : 2)
    let directory = NSTemporaryDirectory() + "martlet-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try ModelDirectory.write(parameters, to: directory)
    let again = try ModelDirectory.read(directory)
    #expect(again.shape == parameters.shape)
    for (a, b) in zip(parameters.tensors, again.tensors) {
      #expect(parameters.matrix(a).values == again.matrix(b).values, "\(a.key)")
    }
  }

  @Test("The embedded model gives transformers' ids and logits to 1e-4")
  func logitsOfTransformers() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    let model = root.appendingPathComponent("Models/sms-spam").path
    let fixture = root.appendingPathComponent(
      "Tests/TransformerTests/Fixtures/sms-spam-logits.json")
    let rows = try #require(
      JSONValue(parsing: Data(contentsOf: fixture))["rows"]?.arrayValue)
    let parameters = try ModelDirectory.read(model)
    let tokenizer = try Tokenizer.load(directory: model)
    for set in InstructionSet.available {
      let kernels = try #require(Kernels(set))
      let encoder = Encoder(.init(parameters, kernels: kernels), kernels: kernels)
      for row in rows {
        let text = try #require(row["text"]?.stringValue)
        let encoding = tokenizer.encode(
          text, maximumLength: parameters.shape.maximumTokens)
        #expect(encoding.ids.map(Int.init) == row["ids"]?.arrayValue?.compactMap(\.intValue))
        let want = row["logits"]?.arrayValue?.compactMap(\.doubleValue) ?? []
        for (a, b) in zip(encoder.logits(try TokenBatch([encoding.ids])).row(0), want) {
          #expect(abs(Double(a) - b) < 1e-4, "\(set) \(text.prefix(30))")
        }
      }
    }
  }

  @Test("A missing directory is named, with the mend")
  func missingDirectory() {
    let error = #expect(throws: ModelError.self) { try ModelDirectory.read("/nowhere/model") }
    #expect(error?.localizedDescription.contains("/nowhere/model: no such model directory") == true)
  }
}

@Suite("Hostile safetensors")
struct SafeTensorsTests {
  private func file(_ header: String, data: Int = 0, length: UInt64? = nil) -> Data {
    var bytes = Data()
    let count = length ?? UInt64(header.utf8.count)
    for shift in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: count >> (8 * UInt64(shift)))) }
    bytes.append(contentsOf: header.utf8)
    bytes.append(Data(count: data))
    return bytes
  }

  @Test(
    "Each broken header is refused with its reason",
    arguments: [
      ("{}", 0, UInt64.max, "header should take"), ("{}", 0, 100, "header should take"),
      ("{", 0, nil, "not JSON"), ("[]", 0, nil, "an array"),
      (#"{"t":{"dtype":"F32","shape":[2],"data_offsets":[0,16]}}"#, 8, nil, "ends at byte 16"),
      (#"{"t":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#, 8, nil, "needs 12"),
      (#"{"t":{"dtype":"X9","shape":[2],"data_offsets":[0,8]}}"#, 8, nil, "no known dtype"),
      (#"{"t":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}"#, 8, nil, "no size"),
      (
        #"{"t":{"dtype":"F32","shape":[1152921504606846976,16],"data_offsets":[0,8]}}"#, 8, nil,
        "larger than memory"
      ),
      (#"{"t":{"dtype":"F32","shape":[1],"data_offsets":[8,4]}}"#, 8, nil, "data_offsets"),
      (
        #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#,
        8, nil, "overlaps"
      ),
      (#"{"t":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#, 8, nil, "belong to none"),
      (#"{"t":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, 8, nil, "belong to no tensor"),
    ] as [(String, Int, UInt64?, String)])
  func refusals(header: String, data: Int, length: UInt64?, reason: String) {
    let error = #expect(throws: ModelError.self) {
      try SafeTensors(path: "m", data: file(header, data: data, length: length))
    }
    #expect(error?.localizedDescription.contains(reason) == true, "\(String(describing: error))")
  }

  @Test("What git-lfs left in place of the weights is told as that")
  func pointers() {
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"
    let error = #expect(throws: ModelError.self) {
      try SafeTensors(path: "m", data: Data(pointer.utf8))
    }
    #expect(error?.localizedDescription.contains("git lfs pull") == true)
  }

  @Test("F16 and BF16 are widened exactly")
  func halves() throws {
    let header =
      #"{"b":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]},"h":{"dtype":"F16","shape":[3],"data_offsets":[4,10]}}"#
    var bytes = file(header)
    bytes.append(contentsOf: [0x80, 0x3F, 0x00, 0xC0])
    bytes.append(contentsOf: [0x00, 0x3C, 0x01, 0x00, 0x00, 0xC5])
    let tensors = try SafeTensors(path: "m", data: bytes)
    let (b, h) = (Matrix(rows: 1, columns: 2), Matrix(rows: 1, columns: 3))
    try tensors.read("b", into: b)
    try tensors.read("h", into: h)
    #expect(b.values == [1, -2] && h.values == [1, 0x1p-24, -5])
    #expect(throws: ModelError.self) { try tensors.read("h", into: b) }
    #expect(throws: ModelError.self) { try tensors.read("x", into: b) }
  }

  @Test("A weight that is not a number is refused by name")
  func notFinite() throws {
    var bytes = file(#"{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#)
    bytes.append(contentsOf: [0, 0, 0xC0, 0x7F])
    let tensors = try SafeTensors(path: "m", data: bytes)
    #expect(throws: ModelError.notFinite(path: "m", name: "w")) {
      try tensors.read("w", into: Matrix(rows: 1, columns: 1))
    }
  }
}
