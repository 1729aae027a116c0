import Foundation
import JSON
import Tensor
import Testing
import Training

/// `Tests/Reference/optimizers.py` made the numbers.
private func fixture() throws -> JSONValue {
  let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("Fixtures/optimizers.json")
  return try JSONValue(parsing: try Data(contentsOf: url))
}

private func numbers(_ json: JSONValue?, _ name: String) throws -> [Double] {
  try #require(json?[name]?.arrayValue).compactMap(\.doubleValue)
}

private func options(_ kind: OptimizerOptions.Kind, momentum: Double = 0, nesterov: Bool = false)
  -> OptimizerOptions
{
  var options = OptimizerOptions()
  (options.kind, options.momentum, options.nesterov) = (kind, momentum, nesterov)
  return options
}

@Suite("Optimisers equal PyTorch's over 100 steps")
struct OptimizerTests {
  static let cases: [(String, OptimizerOptions, Double)] = [
    ("sgd", options(.sgd), 0.01), ("momentum", options(.sgd, momentum: 0.9), 0.01),
    ("nesterov", options(.sgd, momentum: 0.9, nesterov: true), 0.01),
    ("adam", options(.adam), 0.01), ("adamw", options(.adamw), 0.01),
    ("lion", options(.lion), 0x1p-10), ("rmsprop", options(.rmsprop), 0.002),
    ("rmsprop-momentum", options(.rmsprop, momentum: 0.9), 0.0003),
    ("adafactor", options(.adafactor), 0.002),
  ]

  @Test(arguments: cases)
  func equal(_ name: String, _ options: OptimizerOptions, _ rate: Double) throws {
    let json = try fixture()
    for threads in [1, 2] {
      let kernels = try Kernels.best(threads: threads)
      for (tensor, rows, columns, decay) in [("matrix", 7, 5, 0.1), ("vector", 1, 6, 0.0)] {
        let weights = FloatBuffer(try numbers(json["start"], tensor).map { Float($0) })
        let gradient = FloatBuffer(count: weights.count)
        let target = try numbers(json["target"], tensor)
        let slope = try numbers(json["slope"], tensor)
        let size = options.rule == nil ? max(weights.count, rows + columns) : weights.count
        let states = (0..<(options.rule?.states ?? 1)).map { _ in FloatBuffer(count: size) }
        for number in 1...100 {
          for index in 0..<weights.count {
            let w = Double(weights[index])
            // Half of it, which the scale of the gradient takes back.
            gradient[index] = Float((slope[index] * (w - target[index]) - 0.3 * sin(3 * w)) / 2)
          }
          let step = UpdateStep(
            learningRate: Float(rate), weightDecay: Float(decay), number: number, gradientScale: 2)
          if let rule = options.rule {
            kernels.update(
              rule, weights: weights, gradient: gradient, states: states,
              range: 0..<weights.count, step: step)
          } else {
            kernels.adafactor(
              weights: Matrix(weights, rows: rows, columns: columns),
              gradient: Matrix(gradient, rows: rows, columns: columns), state: states[0],
              step: step)
          }
        }
        let want = try numbers(json[name], tensor)
        let worst =
          want.enumerated().map { abs($1 - Double(weights[$0])) / max(1, abs($1)) }.max() ?? 1
        #expect(worst < 1e-6, "\(name), \(tensor): \(worst)")
      }
    }
  }

  @Test("Constants outside what makes sense are refused by name")
  func refusals() {
    var bad = OptimizerOptions()
    bad.momentum = 1
    #expect(throws: TrainingError.self) { try bad.validate() }
    bad = OptimizerOptions()
    bad.epsilon = 0
    #expect(throws: TrainingError.self) { try bad.validate() }
    bad = OptimizerOptions()
    (bad.nesterov, bad.momentum) = (true, 0)
    #expect(throws: TrainingError.self) { try bad.validate() }
  }
}
