import Foundation
import Tensor
import Testing

@Suite("Binary cross-entropy")
struct BinaryCrossEntropyTests {
  @Test("It is what the definition gives, and finite where a sigmoid is 0 or 1")
  func definition() {
    for (logit, target) in [(0.3, 1.0), (-2.0, 0.0), (1.5, 0.25)] {
      let p = 1 / (1 + exp(-logit))
      let expected = -target * log(p) - (1 - target) * log(1 - p)
      #expect(abs(BinaryCrossEntropy.loss(logit, target) - expected) < 1e-12)
    }
    #expect(BinaryCrossEntropy.loss(1000, 0) == 1000)
    #expect(BinaryCrossEntropy.loss(-1000, 0) == 0)
    #expect(abs(BinaryCrossEntropy.entropy(0.5) - log(2)) < 1e-12)
    #expect(BinaryCrossEntropy.entropy(1) == 0)
  }

  @Test("The gradient is that of differences")
  func gradient() {
    let logits = Matrix(rows: 2, columns: 3)
    let values: [Float] = [0.5, -1, 2, 0, 3, -0.25]
    let targets: [[Float]] = [[1, 0, 0.5], [0, 1, 1]]
    func loss(_ values: [Float], _ gradient: Matrix) -> Double {
      for (index, value) in values.enumerated() { logits[index / 3, index % 3] = value }
      return BinaryCrossEntropy.loss(
        logits: logits, targets: targets, scale: 2, gradient: gradient)
    }
    let (gradient, scratch) = (Matrix(rows: 2, columns: 3), Matrix(rows: 2, columns: 3))
    _ = loss(values, gradient)
    for index in values.indices {
      var (up, down) = (values, values)
      up[index] += 1e-2
      down[index] -= 1e-2
      let slope = (loss(up, scratch) - loss(down, scratch)) / 0.02
      #expect(abs(Double(gradient[index / 3, index % 3]) - 2 * slope) < 1e-4)
    }
  }
}
