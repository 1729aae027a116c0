import Foundation
import Tensor
import Testing
import Transformer

@Suite("A literal padding token")
struct PaddingTokenTests {
  @Test("Takes no place in RoBERTa's count, and one in BERT's")
  func positions() throws {
    func batch(_ ids: [Int32]) throws -> TokenBatch { try TokenBatch([ids, [0, 2]]) }
    for (family, padding) in [("roberta-prelayernorm", Int32(1)), ("bert", 0)] {
      let directory = try OddModel.write(family: family)
      defer { try? FileManager.default.removeItem(atPath: directory) }
      let parameters = try ModelDirectory.read(directory)
      let kernels = try Kernels.best()
      let encoder = Encoder(PackedWeights(parameters, kernels: kernels), kernels: kernels)
      let tape = EncoderTape(
        parameters: parameters, gradients: ModelParameters(parameters.shape), kernels: kernels)
      let ids: [Int32] = [2, padding, 4, padding, 5]
      let served = encoder.logits(try batch(ids)).values
      for (a, b) in zip(tape.forward(try batch(ids), dropoutSeed: nil).values, served) {
        #expect(abs(a - b) < 1e-4)
      }
      #expect(served.allSatisfy { $0.isFinite })
    }
  }
}
