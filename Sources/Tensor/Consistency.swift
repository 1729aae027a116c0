import Foundation

/// What two passes over the same rows, with different dropout, disagree by (R-Drop: Wu et al., 2021).
public enum Consistency {
  /// Mean over the rows i of (KL(p‖q) + KL(q‖p)) / 2, where p and q are the softmax of rows i and m + i of
  /// `logits`; adds `scale` · ∂/∂logits of it to `gradient`.
  ///
  /// Shapes: logits and gradient [2m, classes], of different storage.
  public static func loss(logits: Matrix, scale: Double, gradient: Matrix) -> Double {
    precondition(
      logits.rows % 2 == 0 && gradient.rows == logits.rows && gradient.columns == logits.columns,
      "shapes")
    let half = logits.rows / 2
    var sum = 0.0
    for row in 0..<half {
      let p = CrossEntropy.logSoftmax(logits.row(row))
      let q = CrossEntropy.logSoftmax(logits.row(half + row))
      // Both divergences weigh the same differences of logarithms, by p and by -q.
      let differences = zip(p, q).map { $0 - $1 }
      let there = zip(p, differences).reduce(0) { $0 + exp($1.0) * $1.1 }
      let back = zip(q, differences).reduce(0) { $0 - exp($1.0) * $1.1 }
      sum += (there + back) / 2
      let factor = scale / (2 * Double(half))
      for (index, difference) in differences.enumerated() {
        let (a, b) = (exp(p[index]), exp(q[index]))
        gradient[row, index] += Float(factor * (a * (difference - there) + a - b))
        gradient[half + row, index] += Float(factor * (b * (-difference - back) + b - a))
      }
    }
    return half > 0 ? sum / Double(half) : 0
  }
}
