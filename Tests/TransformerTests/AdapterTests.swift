import Foundation
import JSON
import Tensor
import Testing
import Tokenization
import Transformer

/// Low-rank additions (LoRA) to the tiny models of every family.
@Suite("Low-rank additions")
struct AdapterTests {
  private let batch: [[Int32]] = [
    [2, 7, 9, 3], [2, 3],
    [2, 5, 12, 19, 26, 33, 40, 47, 11, 18, 25, 32, 39, 46, 10, 17, 24, 31, 38, 45, 9, 3],
  ]

  /// `parameters` with additions whose numbers are all of some size.
  private func adapted(
    _ parameters: ModelParameters, rank: Int = 2, dropout: Float = 0,
    targets: Set<AdapterShape.Target> = Set(AdapterShape.Target.allCases), seed: UInt32 = 1
  ) -> ModelParameters {
    var shape = parameters.shape
    shape.adapter = shape.adapter(rank: rank, scale: 1.5, dropout: dropout, targets: targets)
    let whole = ModelParameters(shape)
    var state = seed
    for spec in whole.tensors {
      if let source = parameters[spec.key] {
        whole.matrix(spec).copy(from: source)
      } else {
        whole.buffer.set(
          spec.range.map { _ in
            state = state &* 1_664_525 &+ 1_013_904_223
            return Float(Int32(bitPattern: state)) / Float(1 << 31) * 0.3
          }, at: spec.offset)
      }
    }
    return whole
  }

  private func tail(_ whole: ModelParameters) -> ModelParameters {
    whole.tail(from: whole.tensors.firstIndex { $0.key.place == .head } ?? 0)
  }

  @Test(
    "The gradient of additions is the slope of the loss, and adding them to the weights changes no answer",
    arguments: EncoderFamilyTests.cases)
  func gradient(family: FamilyCase) throws {
    try family.withDirectory { directory in
      let whole = adapted(try ModelDirectory.read(directory))
      let learned = tail(whole)
      let gradients = learned.over(FloatBuffer(count: learned.buffer.count))
      let kernels = try Kernels.best(threads: 2)
      let tape = EncoderTape(parameters: whole, gradients: gradients, kernels: kernels)
      let (tokens, labels) = (try TokenBatch(batch), [0, 2, 1])
      func loss() -> Double {
        tape.packWeights()
        let logits = tape.forward(tokens, dropoutSeed: nil)
        return CrossEntropy.loss(logits: logits, labels: labels, gradient: logits)
      }
      let served = Encoder(PackedWeights(whole, kernels: kernels), kernels: kernels)
      let answers = served.logits(tokens).values
      let logits = tape.forward(tokens, dropoutSeed: nil)
      for (a, b) in zip(logits.values, answers) { #expect(abs(a - b) < 1e-4) }
      _ = CrossEntropy.loss(logits: logits, labels: labels, gradient: logits)
      tape.backward(logits, downTo: 1)
      for tensor in learned.tensors {
        let slope = expectSlope(tensor, of: learned, gradients: gradients, loss: loss)
        #expect(slope > 0 || !tensor.key.isLowRank, "\(tensor.key)")
      }
      let merged = whole.merged(kernels)
      #expect(merged.shape.adapter == nil)
      let plain = Encoder(PackedWeights(merged, kernels: kernels), kernels: kernels)
      for (a, b) in zip(plain.logits(tokens).values, answers) { #expect(abs(a - b) < 1e-4) }
    }
  }

  @Test("The gradient goes through the dropout of an addition's input")
  func dropout() throws {
    let family = try #require(EncoderFamilyTests.cases.first)
    try family.withDirectory { directory in
      let base = try ModelDirectory.read(directory)
      let whole = adapted(base, dropout: 0.4)
      let learned = tail(whole)
      let gradients = learned.over(FloatBuffer(count: learned.buffer.count))
      let kernels = try Kernels.best()
      let tape = EncoderTape(parameters: whole, gradients: gradients, kernels: kernels)
      let tokens = try TokenBatch(batch)
      func loss() -> Double {
        tape.packWeights()
        let logits = tape.forward(tokens, dropoutSeed: 7)
        return CrossEntropy.loss(logits: logits, labels: [0, 2, 1], gradient: logits)
      }
      let still = tape.forward(tokens, dropoutSeed: nil).values
      let logits = tape.forward(tokens, dropoutSeed: 7)
      #expect(logits.values != still)
      _ = CrossEntropy.loss(logits: logits, labels: [0, 2, 1], gradient: logits)
      tape.backward(logits, downTo: 1)
      let spec = try #require(learned.tensors.first { $0.key.isLowRank })
      let slope = gradients.buffer.values(spec.range).reduce(0) { $0 + Double($1 * $1) }
      let start = learned.buffer.values(spec.range)
      func moved(_ step: Double) -> Double {
        for (index, value) in zip(spec.range, start) {
          learned.buffer[index] = value + Float(step * Double(gradients.buffer[index]))
        }
        defer { learned.buffer.set(start, at: spec.offset) }
        return loss()
      }
      let step = 0.002 / slope.squareRoot()
      let measured = (moved(step) - moved(-step)) / (2 * step)
      #expect(slope > 0 && abs(measured - slope) < 0.03 * slope)
    }
  }

  @Test(
    "What is written as peft does is read over its base, with the same answers",
    arguments: EncoderFamilyTests.cases)
  func written(family: FamilyCase) throws {
    try family.withDirectory { directory in
      let kernels = try Kernels.best()
      let whole = adapted(try ModelDirectory.read(directory))
      let tokens = try TokenBatch(batch)
      let encoder = Encoder(PackedWeights(whole, kernels: kernels), kernels: kernels)
      let wanted = encoder.logits(tokens)
      let rows = (0..<batch.count).map { wanted.row($0) }
      let target = directory + "-adapter"
      defer { try? FileManager.default.removeItem(atPath: target) }
      try ModelDirectory.writeAdapter(whole, base: directory, to: target)
      let model = try TextModel.load(directory: target)
      #expect(model.labels == whole.shape.labels)
      let encodings = batch.map {
        Encoding(
          ids: $0, typeIDs: $0.map { _ in 0 }, isTruncated: false, unknownCount: 0)
      }
      let together = try model.predict(encoded: encodings)
      for ((prediction, logits), encoding) in zip(zip(together, rows), encodings) {
        guard case .label(_, let probabilities) = prediction.value else {
          Issue.record("a classifier says a label")
          continue
        }
        let powers = logits.map { exp(Double($0)) }
        for (a, b) in zip(probabilities, powers) {
          #expect(abs(Double(a) - b / powers.reduce(0, +)) < 1e-5)
        }
        #expect(try model.sibling().predict(encoded: [encoding]) == [prediction])
      }
      // Read whole, it is merged.
      let merged = try ModelDirectory.read(target)
      let plain = Encoder(PackedWeights(merged, kernels: kernels), kernels: kernels)
      for (a, b) in zip(plain.logits(tokens).values, wanted.values) { #expect(abs(a - b) < 1e-4) }
    }
  }

  @Test("Adapters over one base share its weights, in 8 bits too, and each keeps its own answers")
  func shared() throws {
    let family = try #require(EncoderFamilyTests.cases.first)
    try family.withDirectory { directory in
      let base = try ModelDirectory.read(directory)
      let small = directory + "-8bit"
      try Quantizer.write(directory, to: small)
      let encodings = family.encodings.map(\.0)
      for place in [directory, small] {
        let trunks = SharedTrunks(kernels: try Kernels.best())
        var models: [TextModel] = []
        for seed in [1, 2] as [UInt32] {
          let target = "\(place)-adapter-\(seed)"
          try ModelDirectory.writeAdapter(adapted(base, seed: seed), base: place, to: target)
          models.append(try TextModel.load(directory: target, sharing: trunks))
        }
        models.append(try TextModel.load(directory: place, sharing: trunks))
        #expect(models[0].sharesWeights(with: models[1]))
        #expect(models[0].sharesWeights(with: models[2]))
        let answers = try models.map { try $0.predict(encoded: encodings) }
        #expect(answers[0] != answers[1] && answers[0] != answers[2])
        for (model, answer) in zip(models, answers) {
          let alone = try TextModel.load(directory: model.configuration.directory)
          #expect(try alone.predict(encoded: encodings) == answer)
        }
      }
      for name in try FileManager.default.contentsOfDirectory(atPath: NSTemporaryDirectory())
      where (NSTemporaryDirectory() + name).hasPrefix(directory + "-") {
        try FileManager.default.removeItem(atPath: NSTemporaryDirectory() + name)
      }
    }
  }
}
