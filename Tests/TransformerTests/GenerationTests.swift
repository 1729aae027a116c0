import Foundation
import JSON
import Tensor
import Testing
import Transformer

/// What `generate` of transformers gave under one set of settings.
struct DecodingCase {
  let json: JSONValue
  var name: String { json["name"]?.stringValue ?? "" }
  var texts: [[Int32]] { GeneratorCase.rows(json["ids"]) }
  var scores: [Double] { (json["scores"]?.arrayValue ?? []).compactMap(\.doubleValue) }

  func settings(_ family: GeneratorCase) throws -> DecodingSettings {
    let shape = try family.shape
    let decoder = try #require(shape.decoder)
    return try .read(
      json["settings"] ?? .null, config: family.json["config"] ?? .null, decoder: decoder,
      path: "generation_config.json")
  }
}

@Suite("Decoding")
struct GenerationTests {
  @Test(
    "Greedy and beam search give the tokens of transformers, in a ragged batch and alone",
    arguments: GeneratorCase.all)
  func searches(family: GeneratorCase) throws {
    let kernels = try Kernels.best()
    let parameters = try family.parameters()
    let generator = TextGenerator(
      Encoder(PackedWeights(parameters, kernels: kernels), kernels: kernels))
    for json in family.json["texts"]?.arrayValue ?? [] {
      let decoding = DecodingCase(json: json)
      let settings = try decoding.settings(family)
      let requests = GeneratorCase.sources.map {
        TextGenerator.Request(source: $0, settings: settings)
      }
      let together = generator.run(requests)
      let found = try together.flatMap { try $0.get() }
      #expect(found.map(\.tokens) == decoding.texts, "\(decoding.name)")
      if settings.beams > 1 {
        for (text, score) in zip(found, decoding.scores) where score > -1e8 {
          #expect(abs(Double(text.score) - score) < 1e-3, "\(decoding.name)")
        }
      }
      for (request, result) in zip(requests, together) {
        #expect(generator.run([request]) == [result])
      }
    }
  }

  private func first() throws -> (TextGenerator, ModelParameters) {
    let kernels = try Kernels.best()
    let parameters = try #require(
      GeneratorCase.all.first { $0.testDescription == "t5 v1.1" }
    ).parameters()
    return (
      TextGenerator(Encoder(PackedWeights(parameters, kernels: kernels), kernels: kernels)) {
        $0.map { "w\($0)" }.joined(separator: " ")
      }, parameters
    )
  }

  @Test("Samples are those of their seed, and filters leave what they say")
  func samples() throws {
    let (generator, _) = try first()
    var settings = DecodingSettings()
    (settings.samples, settings.maximumTokens) = (true, 12)
    func run() throws -> [[Int32]] {
      try generator.run(
        GeneratorCase.sources.map { .init(source: $0, settings: settings) }
      ).map { try $0.get()[0].tokens }
    }
    settings.temperature = 3
    let one = try run()
    #expect(try run() == one)
    settings.seed = 1
    #expect(try run() != one)
    // One token to draw from is greedy search.
    settings.samples = false
    let greedy = try run()
    settings.samples = true
    settings.topTokens = 1
    #expect(try run() == greedy)
    (settings.topTokens, settings.topShare) = (0, 1e-6)
    #expect(try run() == greedy)
    (settings.topShare, settings.leastShare) = (1, 1)
    #expect(try run() == greedy)
  }

  @Test("Drawn tokens come as often as their probabilities say")
  func frequencies() throws {
    let (generator, _) = try first()
    var settings = DecodingSettings()
    (settings.samples, settings.maximumTokens, settings.topTokens) = (true, 1, 3)
    let draws = try (0..<2000).map { seed -> GeneratedText in
      settings.seed = UInt64(seed) &* 7919
      return try generator.run([.init(source: [7, 9, 2], settings: settings)])[0].get()[0]
    }
    let counts = Dictionary(grouping: draws) { $0.tokens[0] }
    #expect(counts.count == 3)
    let total = counts.values.reduce(0) { $0 + Double(expf($1[0].logProbabilities[0])) }
    for texts in counts.values {
      let share = Double(expf(texts[0].logProbabilities[0])) / total
      let deviation = (share * (1 - share) / 2000).squareRoot()
      #expect(abs(Double(texts.count) / 2000 - share) < 4.5 * deviation)
    }
  }

  @Test("A text ends at a stop text, or at its longest where that never comes")
  func stops() throws {
    let (generator, _) = try first()
    var settings = DecodingSettings()
    settings.maximumTokens = 10
    let source = GeneratorCase.sources[0]
    let plain = try generator.run([.init(source: source, settings: settings)])[0].get()[0]
    #expect(plain.end == .length && plain.tokens.count == 10)
    settings.stops = ["w\(plain.tokens[4])"]
    let stopped = try generator.run([.init(source: source, settings: settings)])[0].get()[0]
    let place = try #require(plain.tokens.firstIndex(of: plain.tokens[4]))
    #expect(stopped.end == .stopText && stopped.tokens == Array(plain.tokens[...place]))
    settings.stops = ["nothing of the kind"]
    #expect(
      try generator.run([.init(source: source, settings: settings)])[0].get()[0] == plain)
  }

  @Test("Scores that are no numbers are an error, never an endless text")
  func notFinite() throws {
    for beams in [1, 3] {
      let (_, parameters) = try first()
      let gain = try #require(parameters[.decoderFinal, .norm, .gain])
      gain[0, 3] = .nan
      let kernels = try Kernels.best()
      let generator = TextGenerator(
        Encoder(PackedWeights(parameters, kernels: kernels), kernels: kernels))
      var settings = DecodingSettings()
      settings.beams = beams
      #expect(
        generator.run([.init(source: [7, 2], settings: settings)]) == [.failure(.notFinite)])
    }
  }
}

@Suite("Encoder–decoders in training")
struct SequenceTapeTests {
  @Test(
    "The gradient is the slope of the loss, and training runs as inference does",
    arguments: GeneratorCase.all)
  func gradient(family: GeneratorCase) throws {
    let parameters = try family.parameters()
    let kernels = try Kernels.best(threads: 2)
    let gradients = ModelParameters(parameters.shape)
    let tape = SequenceTape(parameters: parameters, gradients: gradients, kernels: kernels)
    let start = Int32(try #require(parameters.shape.decoder).startID)
    let sources = try TokenBatch(GeneratorCase.sources)
    let targets = try TokenBatch(GeneratorCase.targets.map { [start] + $0.dropLast() })
    let labels = GeneratorCase.targets.joined().map(Int.init)
    func loss() -> Double {
      tape.packWeights()
      let scores = tape.forward(sources, targets, dropoutSeed: nil)
      return CrossEntropy.loss(
        logits: scores, labels: labels, smoothing: 0.1, gradient: scores)
    }
    let served = Encoder(PackedWeights(parameters, kernels: kernels), kernels: kernels)
    let texts = GeneratorCase.targets.map { [start] + $0.dropLast() }
    let wanted = try served.step(
      texts, served.sources(sources).map(served.begin), keepsAll: true)
    for (a, b) in zip(tape.forward(sources, targets, dropoutSeed: nil).values, wanted.values) {
      #expect(abs(a - b) < 1e-4)
    }
    let scores = tape.forward(sources, targets, dropoutSeed: nil)
    _ = CrossEntropy.loss(logits: scores, labels: labels, smoothing: 0.1, gradient: scores)
    tape.backward(scores)
    let total = parameters.tensors.reduce(0.0) { total, tensor in
      // Scores that are not scaled, as T5 has them, bend the loss: short steps.
      total
        + expectSlope(
          tensor, of: parameters, gradients: gradients, length: 0.0004, loss: loss)
    }
    #expect(total > 1e-4)
    // The same bits with one thread.
    let again = ModelParameters(parameters.shape)
    let single = SequenceTape(
      parameters: parameters, gradients: again, kernels: try Kernels.best())
    let same = single.forward(sources, targets, dropoutSeed: 7)
    _ = CrossEntropy.loss(logits: same, labels: labels, smoothing: 0.1, gradient: same)
    single.backward(same)
    gradients.buffer.zero()
    tape.packWeights()
    let double = tape.forward(sources, targets, dropoutSeed: 7)
    _ = CrossEntropy.loss(logits: double, labels: labels, smoothing: 0.1, gradient: double)
    tape.backward(double)
    let all = 0..<again.buffer.count
    #expect(again.buffer.values(all) == gradients.buffer.values(all))
  }
}
