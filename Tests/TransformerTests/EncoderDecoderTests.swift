import Foundation
import JSON
import Tensor
import Testing
import Transformer

/// Tiny encoder–decoders with what transformers says of them, made by Tests/Reference/encoder_decoders.py.
struct GeneratorCase: Sendable, CustomTestStringConvertible {
  let json: JSONValue
  var testDescription: String { json["name"]?.stringValue ?? "" }

  static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("Fixtures/encoder-decoders")
  private static let file: JSONValue =
    (try? JSONValue(parsing: Data(contentsOf: fixtures.appendingPathComponent("cases.json"))))
    ?? .null

  static let all = (file["cases"]?.arrayValue ?? []).map { GeneratorCase(json: $0) }
  static let sources = rows(file["sources"])
  static let targets = rows(file["targets"])

  static func rows(_ json: JSONValue?) -> [[Int32]] {
    (json?.arrayValue ?? []).map { row in
      (row.arrayValue ?? []).compactMap(\.intValue).map { Int32($0) }
    }
  }

  var shape: ModelShape {
    get throws {
      try ModelConfigurationFile.bareShape(try #require(json["config"]), path: "config.json")
    }
  }

  func checkpoint() throws -> Checkpoint {
    let name = try #require(json["weights"]?.stringValue)
    return Checkpoint(
      try SafeTensors(path: Self.fixtures.appendingPathComponent(name).path))
  }

  func parameters() throws -> ModelParameters { try ModelDirectory.read(shape, checkpoint()) }

  /// Scores of the words behind the first token and behind each of the target's, for each source.
  var scores: [[[Double]]] {
    (json["scores"]?.arrayValue ?? []).map { rows in
      (rows.arrayValue ?? []).map { ($0.arrayValue ?? []).compactMap(\.doubleValue) }
    }
  }
}

@Suite("Encoder–decoders")
struct EncoderDecoderTests {
  @Test("The fixtures have every family")
  func fixtures() throws {
    let types = Set(GeneratorCase.all.compactMap { $0.json["config"]?["model_type"]?.stringValue })
    #expect(types == Set(Architecture.generatorTypes))
  }

  private func expectNear(_ found: [Float], _ wanted: [Double], _ note: String) {
    #expect(found.count == wanted.count)
    for (a, b) in zip(found, wanted) { #expect(abs(Double(a) - b) < 1e-4, "\(note)") }
  }

  @Test(
    "Scores are those of transformers to 1e-4, with kept keys and without, in ragged batches",
    arguments: GeneratorCase.all)
  func scores(family: GeneratorCase) throws {
    let parameters = try family.parameters()
    let start = Int32(try #require(parameters.shape.decoder).startID)
    let (sources, wanted) = (GeneratorCase.sources, family.scores)
    let targets = GeneratorCase.targets.map { [start] + $0 }
    for set in InstructionSet.available {
      let kernels = try #require(Kernels(set))
      let encoder = Encoder(PackedWeights(parameters, kernels: kernels), kernels: kernels)
      let read = encoder.sources(try TokenBatch(sources))
      // All at once, all texts in one batch.
      let whole = try encoder.step(targets, read.map(encoder.begin), keepsAll: true)
      let all = whole.values
      #expect(all.count == wanted.joined().joined().count)
      for (a, b) in zip(all, wanted.joined().joined()) {
        #expect(abs(Double(a) - b) < 1e-4, "\(set)")
      }
      // A token at a time; shorter texts leave the batch.
      let caches = read.map(encoder.begin)
      var alone: [[Float]] = []
      for place in 0..<13 {
        let running = targets.indices.filter { targets[$0].count > place }
        let rows = try encoder.step(
          running.map { [targets[$0][place]] }, running.map { caches[$0] })
        for (row, text) in running.enumerated() {
          expectNear(rows.row(row), wanted[text][place], "\(set), place \(place)")
          if text == 2 { alone.append(rows.row(row)) }
        }
      }
      // The same bits alone.
      let single = encoder.begin(encoder.sources(try TokenBatch([sources[2]]))[0])
      for place in 0..<13 {
        #expect(try encoder.step([[targets[2][place]]], [single]).row(0) == alone[place])
      }
    }
  }

  @Test("Texts from one source are the same side by side as apart, and a copy goes its own way")
  func sharedSource() throws {
    for family in GeneratorCase.all.prefix(4) {
      let kernels = try Kernels.best()
      let encoder = Encoder(
        PackedWeights(try family.parameters(), kernels: kernels), kernels: kernels)
      let source = encoder.sources(try TokenBatch([GeneratorCase.sources[2]]))[0]
      let (a, b) = (encoder.begin(source), encoder.begin(source))
      _ = try encoder.step([[3, 7], [3, 7]], [a, b])
      let copy = a.copy()
      let together = try encoder.step([[9], [11], [9]], [a, b, copy])
      #expect(together.row(0) == together.row(2))
      let again = encoder.begin(source)
      _ = try encoder.step([[3, 7]], [again])
      #expect(try encoder.step([[11]], [again]).row(0) == together.row(1))
      #expect(a.count == 3 && copy.count == 3 && a.byteCount > 0)
    }
  }
}
