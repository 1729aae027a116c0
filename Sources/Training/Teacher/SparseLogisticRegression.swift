import Foundation

/// Softmax regression over sparse rows, fitted by stochastic gradient descent whose rate falls linearly to 0.
///
/// The loss is Σ −log p(label) + ‖weights‖² / (2 · strength), as scikit-learn's `LogisticRegression(C: strength)`; biases
/// are not held back.
package struct SparseLogisticRegression {
  /// Inverse of the penalty on the weights, as scikit-learn's `C`.
  package var strength = 10.0
  /// Passes over the rows.
  package var passes = 15
  /// The rate at the start. Rows have length 1, for which the loss's curvature is at most 1/2.
  package var learningRate = 2.0

  /// Row-major by feature: the weights of one feature for all classes lie together.
  private var weights: [Float] = []
  private var biases: [Float] = []
  /// What all weights are multiplied by, so that holding them back costs nothing a step.
  private var scale: Float = 1

  package init() {}

  /// Learns from `rows` with `labels` below `classes`; indices are below `features`. The same seed gives the same bits.
  package mutating func fit(
    _ rows: [SparseRow], labels: [Int], classes: Int, features: Int, seed: UInt64
  ) {
    precondition(rows.count == labels.count, "a label for each row")
    weights = [Float](repeating: 0, count: features * classes)
    biases = [Float](repeating: 0, count: classes)
    scale = 1
    guard !rows.isEmpty else { return }
    var generator = SeededGenerator(seed: seed)
    var order = Array(rows.indices)
    let total = passes * rows.count
    let decay = 1 / (strength * Double(rows.count))
    var shares = [Float](repeating: 0, count: classes)
    var step = 0
    for _ in 0..<passes {
      order.shuffle(using: &generator)
      for row in order {
        let rate = learningRate * Double(total - step) / Double(total)
        step += 1
        probabilities(rows[row], into: &shares)
        shares[labels[row]] -= 1
        scale *= Float(1 - rate * decay)
        if scale < 1e-4 { fold() }
        let factor = Float(rate) / scale
        for (index, value) in zip(rows[row].indices, rows[row].values) {
          let start = Int(index) * classes
          for label in 0..<classes { weights[start + label] -= factor * value * shares[label] }
        }
        for label in 0..<classes { biases[label] -= Float(rate) * 0.1 * shares[label] }
      }
    }
    fold()
  }

  /// How likely each class is for `row`.
  package func probabilities(_ row: SparseRow) -> [Float] {
    var shares = [Float](repeating: 0, count: biases.count)
    probabilities(row, into: &shares)
    return shares
  }

  private func probabilities(_ row: SparseRow, into shares: inout [Float]) {
    let classes = biases.count
    for label in 0..<classes { shares[label] = 0 }
    for (index, value) in zip(row.indices, row.values) {
      let start = Int(index) * classes
      for label in 0..<classes { shares[label] += value * weights[start + label] }
    }
    var top = -Float.greatestFiniteMagnitude
    for label in 0..<classes {
      shares[label] = shares[label] * scale + biases[label]
      top = max(top, shares[label])
    }
    var sum: Float = 0
    for label in 0..<classes {
      shares[label] = exp(shares[label] - top)
      sum += shares[label]
    }
    for label in 0..<classes { shares[label] /= sum }
  }

  private mutating func fold() {
    for index in weights.indices { weights[index] *= scale }
    scale = 1
  }
}
