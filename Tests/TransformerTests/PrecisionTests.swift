import Foundation
import Tensor
import Testing
import Transformer

@Suite("The precision of a model's layers")
struct PrecisionTests {
  private static let source = QuantizerTests.model
  private static let texts = QuantizerTests.texts

  private static func probabilities(_ model: TextModel, _ texts: [String]) throws -> [[Float]] {
    try model.predict(texts.map { TextInput($0) }).map {
      try #require($0.classification).probabilities
    }
  }

  @Test("In bfloat16 a model says what it says in single precision, a little otherwise")
  func nearness() throws {
    let plain = try TextModel.load(directory: Self.source)
    let halved = try TextModel.load(directory: Self.source, precision: .bf16)
    #expect(plain.precision == .f32 && halved.precision == .bf16)
    let (wanted, found) = (
      try Self.probabilities(plain, Self.texts), try Self.probabilities(halved, Self.texts)
    )
    #expect(wanted != found)
    for (x, y) in zip(wanted.joined(), found.joined()) { #expect(abs(x - y) < 0.01) }
  }

  @Test(
    "A text has the same bits alone, in a batch, over threads, and where the CPU does not multiply bfloat16",
    arguments: [Precision.bf16, .auto])
  func sameBits(precision: Precision) throws {
    let model = try TextModel.load(directory: Self.source, precision: precision)
    let together = try Self.probabilities(model, Self.texts)
    let threaded = try TextModel.load(directory: Self.source, threads: 3, precision: precision)
    #expect(try Self.probabilities(threaded, Self.texts) == together)
    for (text, answer) in zip(Self.texts, together) {
      #expect(try Self.probabilities(model, [text]) == [answer])
    }
  }

  @Test("auto is bfloat16 where the CPU multiplies it, and without a wish it is single precision")
  func choice() throws {
    let isNative = try Kernels.best().multipliesBFloat16
    let chosen = try TextModel.load(directory: Self.source, precision: .auto).precision
    #expect(chosen == (isNative ? .bf16 : .f32))
    #expect(try TextModel.load(directory: Self.source).precision == .f32)
    let checkpoint = try Checkpoint(directory: Self.source)
    let lower = try #require(Kernels(.portable))
    #expect(try checkpoint.precision(.auto, path: "m", kernels: lower) == .f32)
    #expect(try checkpoint.precision(.bf16, path: "m", kernels: lower) == .bf16)
  }

  @Test("An 8-bit model stays one, and what it cannot be is refused with the mend")
  func integers() throws {
    let directory = FileManager.default.temporaryDirectory
      .appendingPathComponent(UUID().uuidString).path
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try Quantizer.write(Self.source, to: directory)
    for precision in [Precision.auto, .int8] {
      let model = try TextModel.load(directory: directory, precision: precision)
      #expect(model.precision == .int8)
      let plain = try Self.probabilities(TextModel.load(directory: directory), Self.texts)
      for (x, y) in zip(plain.joined(), try Self.probabilities(model, Self.texts).joined()) {
        #expect(abs(x - y) < 0.02)
      }
    }
    for precision in [Precision.f32, .bf16] {
      let refusal = ModelError.wrongPrecision(
        path: directory, asked: precision.rawValue, isQuantized: true)
      #expect(throws: refusal) {
        try TextModel.load(directory: directory, precision: precision)
      }
    }
    let refusal = ModelError.wrongPrecision(path: Self.source, asked: "int8", isQuantized: false)
    #expect(throws: refusal) { try TextModel.load(directory: Self.source, precision: .int8) }
    #expect(refusal.localizedDescription.contains("martlet quantize"))
  }
}
