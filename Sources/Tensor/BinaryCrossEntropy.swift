import Foundation

/// Cross-entropy of independent yes-or-no answers, each behind a sigmoid.
public enum BinaryCrossEntropy {
  /// Mean over rows and columns of −t log σ(x) − (1 − t) log(1 − σ(x)); `gradient` (same shape as `logits`, may be the same storage)
  /// gets `scale` · ∂loss/∂logits = `scale` · (σ(x) − t) / count.
  ///
  /// Shapes: logits [m, n]; targets m rows of n values from 0 to 1.
  public static func loss(
    logits: Matrix, targets: [[Float]], scale: Double = 1, gradient: Matrix
  ) -> Double {
    precondition(targets.count == logits.rows && gradient.count == logits.count, "shapes")
    let count = Double(max(1, logits.count))
    var sum = 0.0
    for (row, target) in targets.enumerated() {
      precondition(target.count == logits.columns, "one target a column")
      for (column, wanted) in target.enumerated() {
        let (logit, wanted) = (Double(logits[row, column]), Double(wanted))
        sum += loss(logit, wanted)
        gradient[row, column] = Float(scale * (1 / (1 + exp(-logit)) - wanted) / count)
      }
    }
    return sum / count
  }

  /// The loss of one answer: max(x, 0) − x t + log(1 + e^−|x|), which no x overflows.
  public static func loss(_ logit: Double, _ target: Double) -> Double {
    max(logit, 0) - logit * target + log1p(exp(-abs(logit)))
  }

  /// −p log p − (1 − p) log(1 − p): the loss of always answering with the share of yes.
  public static func entropy(_ share: Double) -> Double {
    [share, 1 - share].reduce(0) { $0 - ($1 > 0 ? $1 * log($1) : 0) }
  }
}
