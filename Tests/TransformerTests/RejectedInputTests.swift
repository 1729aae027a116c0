import Foundation
import JSON
import Tensor
import Testing
import Tokenization
import Transformer

/// Tiny models whose tokenizer or weights are not what they should be.
struct OddModel {
  /// Which word is split off at spaces; no special tokens unless `frame` says so.
  static func tokenizer(frame: String = "null") -> String {
    let words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "hello", "world"]
    let vocabulary = words.enumerated().map { #""\#($1)": \#($0)"# }.joined(separator: ", ")
    return #"""
      {"version": "1.0", "added_tokens": [], "normalizer": {"type": "BertNormalizer"},
       "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor": \#(frame),
       "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 100, "vocab": {\#(vocabulary)}}}
      """#
  }

  /// BERT's frame, with a segment for the second text.
  static func frame(secondType: Int = 1) -> String {
    #"""
    {"type": "TemplateProcessing",
     "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
      {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
     "pair": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
      {"SpecialToken": {"id": "[SEP]", "type_id": 0}},
      {"Sequence": {"id": "B", "type_id": \#(secondType)}},
      {"SpecialToken": {"id": "[SEP]", "type_id": \#(secondType)}}],
     "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]},
      "[SEP]": {"id": "[SEP]", "ids": [3], "tokens": ["[SEP]"]}}}
    """#
  }

  /// A folder with the model; the caller removes it.
  static func write(
    labels: [String] = ["a", "b"], family: String = "distilbert", activation: Activation = .gelu,
    tokenizer: String = tokenizer(), maximumTokens: Int = 16,
    weights: (ModelParameters) -> Void = { _ in }
  ) throws -> String {
    let isRoberta = family.hasPrefix("roberta")
    let parameters = ModelParameters(
      ModelShape(
        modelType: family, vocabularySize: 6, hiddenSize: 8, layerCount: 2, headCount: 2,
        feedForwardSize: 16, maximumTokens: maximumTokens, labels: labels,
        placement: isRoberta ? .pre : .post, positionalEncoding: .learned,
        positionOffset: isRoberta ? 2 : 0,
        tokenTypeCount: isRoberta ? 1 : family == "bert" ? 2 : 0, activation: activation,
        paddingID: isRoberta ? 1 : 0))
    var state: UInt32 = 7
    for tensor in parameters.tensors {
      for index in tensor.range {
        state = state &* 1_664_525 &+ 1_013_904_223
        parameters.buffer[index] = (Float(state >> 8) / 8_388_608 - 1) * 0.5
        if tensor.key.role == .gain { parameters.buffer[index] += 1 }
      }
    }
    weights(parameters)
    let directory = NSTemporaryDirectory() + "martlet-odd-\(UUID().uuidString)"
    try ModelDirectory.write(parameters, to: directory)
    try Data(tokenizer.utf8).write(to: URL(fileURLWithPath: directory + "/tokenizer.json"))
    return directory
  }
}

@Suite("Inputs without an answer")
struct RejectedInputTests {
  @Test("A sequence without tokens makes no batch, and no layout of rows")
  func emptySequences() throws {
    #expect(throws: EmptySequence(index: 1)) { try TokenBatch([[1], [], [2]]) }
    #expect(throws: EmptySequence(index: 0)) { try RaggedRows(lengths: [0]) }
    let layout = try RaggedRows(lengths: [2, 1])
    #expect(layout[0] == 0..<2 && layout[1] == 2..<3)
  }

  @Test(
    "A text without tokens is rejected, and its neighbours are answered",
    arguments: Pooling.allCases)
  func noTokens(pooling: Pooling) throws {
    let directory = try OddModel.write()
    defer { try? FileManager.default.removeItem(atPath: directory) }
    for model in [
      try TextModel.load(directory: directory),
      try TextModel.load(directory: directory, pooling: pooling),
    ] {
      for empty in ["", " ", "\u{200B}\u{AD}", "\u{1}\n\t"] {
        #expect(throws: PredictionError.noTokens) { try model.encode(TextInput(empty)) }
        #expect(throws: RejectedInput(index: 1, reason: .noTokens)) {
          try model.predict([TextInput("hello"), TextInput(empty)])
        }
        // One empty side of a pair leaves the other's tokens.
        #expect(try model.predict([TextInput("hello", pair: empty)]).count == 1)
        #expect(try model.predict([TextInput(empty, pair: "hello")]).count == 1)
      }
      #expect(throws: PredictionError.noTokens) { try model.encode(TextInput(" ", pair: "")) }
    }
  }

  @Test("Special tokens alone are an input, as transformers has it")
  func frameAlone() throws {
    let directory = try OddModel.write(tokenizer: OddModel.tokenizer(frame: OddModel.frame()))
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let model = try TextModel.load(directory: directory)
    #expect(try model.predict([TextInput(" ")])[0].tokenCount == 2)
  }

  @Test(
    "A model that reads no more than the special tokens is refused; a pair that does not fit is rejected"
  )
  func noRoom() throws {
    for (maximum, isRefused) in [(2, true), (3, false)] {
      let directory = try OddModel.write(
        tokenizer: OddModel.tokenizer(frame: OddModel.frame()), maximumTokens: maximum)
      defer { try? FileManager.default.removeItem(atPath: directory) }
      if isRefused {
        #expect(throws: ModelError.noRoom(path: directory, maximum: 2, frame: 2)) {
          try TextModel.load(directory: directory)
        }
      } else {
        let model = try TextModel.load(directory: directory)
        #expect(try model.encode(TextInput("hello world")).encoding.ids == [2, 4, 3])
        let pair = try model.encode(TextInput("hello", pair: "world"))
        #expect(pair.encoding.ids.count == 3)
      }
    }
  }

  @Test("A pair is read by a model with one row of segments, whatever segments the tokenizer gives")
  func oneSegment() throws {
    let directory = try OddModel.write(
      family: "roberta-prelayernorm", tokenizer: OddModel.tokenizer(frame: OddModel.frame()))
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let model = try TextModel.load(directory: directory)
    #expect(try model.predict([TextInput("hello", pair: "world")])[0].tokenCount == 5)
  }

  @Test("A segment beyond the table is refused when the model is loaded")
  func segmentBeyondTable() throws {
    let directory = try OddModel.write(
      family: "bert", tokenizer: OddModel.tokenizer(frame: OddModel.frame(secondType: 2)))
    defer { try? FileManager.default.removeItem(atPath: directory) }
    #expect(throws: ModelError.tokenTypeMismatch(path: directory, type: 2, rows: 2)) {
      try TextModel.load(directory: directory)
    }
  }
}

@Suite("What is not a finite number leaves no model")
struct FinitenessTests {
  /// What of the parameters is made huge.
  static let places = [
    ParameterKey(.embeddings, .words, .table), ParameterKey(.block(0), .attentionInput, .weight),
    ParameterKey(.block(0), .attentionOutput, .weight),
    ParameterKey(.block(1), .feedForwardInput, .weight),
    ParameterKey(.block(1), .feedForwardOutput, .weight),
    ParameterKey(.block(0), .attentionNorm, .gain),
  ]

  private func answer(
    _ directory: String, pooling: Pooling? = nil
  ) throws -> Result<Prediction, PredictionError> {
    let model = try TextModel.load(directory: directory, pooling: pooling)
    return model.predict([try model.encode(TextInput("hello world"))])[0]
  }

  @Test(
    "Weights of 1e38 give no label and no vector, whatever swallows NaN on the way",
    arguments: [Activation.relu, .gelu], places)
  func hugeWeights(activation: Activation, place: ParameterKey) throws {
    for family in ["distilbert", "bert", "roberta-prelayernorm"] {
      let directory = try OddModel.write(family: family, activation: activation) { parameters in
        for tensor in parameters.tensors where tensor.key == place {
          for index in tensor.range {
            parameters.buffer[index] = parameters.buffer[index] < 0 ? -1e38 : 1e38
          }
        }
      }
      defer { try? FileManager.default.removeItem(atPath: directory) }
      #expect(throws: PredictionError.notFinite, "\(family) \(place)") {
        try answer(directory).get()
      }
      for pooling in Pooling.allCases {
        #expect(throws: PredictionError.notFinite, "\(family) \(place) \(pooling)") {
          try answer(directory, pooling: pooling).get()
        }
      }
    }
  }

  @Test(
    "A head whose sums overflow gives no label, though tanh and ReLU would make numbers of them")
  func overflowingHead() throws {
    for family in ["distilbert", "bert"] {
      let plain = try OddModel.write(family: family)
      defer { try? FileManager.default.removeItem(atPath: plain) }
      guard case .vector(let state) = try answer(plain, pooling: .cls).get().value else {
        Issue.record("no embedding")
        return
      }
      let directory = try OddModel.write(family: family) { parameters in
        for tensor in parameters.tensors
        where tensor.key == ParameterKey(.head, .pool, .weight) {
          // The first output grows beyond all bounds, the second falls below.
          for (column, value) in state.enumerated() {
            parameters.buffer[tensor.offset + column] = value < 0 ? -3e38 : 3e38
            parameters.buffer[tensor.offset + tensor.columns + column] = value < 0 ? 3e38 : -3e38
          }
        }
      }
      defer { try? FileManager.default.removeItem(atPath: directory) }
      #expect(throws: PredictionError.notFinite, "\(family)") { try answer(directory).get() }
    }
  }

  @Test(
    "Kernels let NaN and infinity through: no activation, softmax or norm makes a number of them")
  func kernels() throws {
    for set in InstructionSet.available {
      let kernels = try #require(Kernels(set))
      for odd in [Float.nan, .infinity, -.infinity] {
        for activation in Activation.allCases
        where activation != .none && !(activation == .gelu && odd > 0) {
          for width in [1, 5, 16, 40] {
            let weight = Matrix(rows: width, columns: width)
            for index in 0..<width { weight[index, index] = 1 }
            let input = Matrix(rows: 1, columns: width)
            input[0, width - 1] = odd
            let output = Matrix(rows: 1, columns: width)
            kernels.linear(
              input, .transposing(weight, kernels: kernels), activation: activation, output: output)
            #expect(!output[0, width - 1].isFinite, "\(set) \(activation) \(odd) \(width)")
            let quantized = QuantizedMatrix(weight, kernels: kernels)
            kernels.linear(
              input, quantized, activation: activation, output: output, scratch: QuantizedRows())
            #expect(output.row(0).contains { !$0.isFinite }, "\(set) 8 bits \(odd) \(width)")
          }
        }
      }
      let gain = Matrix(rows: 1, columns: 16, [Float](repeating: 1, count: 16))
      let zero = Matrix(rows: 1, columns: 16)
      let row = Matrix(rows: 1, columns: 16, (0..<16).map { $0 % 2 == 0 ? 1e30 : -1e30 })
      let normed = Matrix(rows: 1, columns: 16)
      for kind in [Norm.Kind.layer, .rms] {
        kernels.norm(row, Norm(kind, gain: gain, bias: zero, epsilon: 1e-5), output: normed)
        #expect(normed.row(0).allSatisfy { !$0.isFinite }, "\(set) \(kind)")
      }
    }
  }

  @Test("Scores of attention that are not finite spoil the row")
  func attention() throws {
    for set in InstructionSet.available {
      let kernels = try #require(Kernels(set))
      let layout = try RaggedRows(lengths: [19])
      let fused = Matrix(rows: 19, columns: 24)
      for row in 0..<19 { for column in 0..<24 { fused[row, column] = 1 } }
      for column in 0..<8 {
        fused[0, column] = 3e38
        fused[3, 8 + column] = 3e38
      }
      let output = Matrix(rows: 19, columns: 8)
      kernels.attention(
        fused: fused, layout: layout, form: AttentionForm(heads: 1, headSize: 8), output: output,
        scratch: AttentionScratch())
      #expect(output.row(0).allSatisfy { !$0.isFinite }, "\(set)")
    }
  }
}
