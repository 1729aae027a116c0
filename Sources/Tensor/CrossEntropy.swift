import Foundation

/// Cross-entropy with softmax, label smoothing and class weights.
public enum CrossEntropy {
  /// Mean over rows of −Σ q log softmax(logits), with q = (1 − s)·target + s / classes, each row
  /// weighted by its class; `gradient` (same shape as `logits`, may be the same storage) gets
  /// `scale` · ∂loss/∂logits. A row's target is its distribution in `targets`, or all on its label where
  /// that is empty. Of a distribution's loss its entropy is taken off, so that 0 is the best in both cases.
  ///
  /// Shapes: logits [m, classes]; labels m values below `classes`; targets none, or m of none or of one a
  /// class; classWeights empty or one a class.
  public static func loss(
    logits: Matrix, labels: [Int], targets: [[Float]] = [], smoothing: Float = 0,
    classWeights: [Float] = [], scale: Double = 1, gradient: Matrix
  ) -> Double {
    let classes = logits.columns
    precondition(labels.count == logits.rows && gradient.count == logits.count, "shapes")
    precondition(targets.isEmpty || targets.count == labels.count, "targets")
    precondition(classWeights.isEmpty || classWeights.count == classes, "class weights")
    let total = labels.reduce(0.0) { $0 + Double(classWeights.isEmpty ? 1 : classWeights[$1]) }
    var sum = 0.0
    for (row, label) in labels.enumerated() {
      precondition(label >= 0 && label < classes, "label outside the classes")
      let weight = Double(classWeights.isEmpty ? 1 : classWeights[label])
      let share = Double(smoothing) / Double(classes)
      let soft = targets.isEmpty ? [] : targets[row]
      precondition(soft.isEmpty || soft.count == classes, "one target a class")
      for (index, logShare) in logSoftmax(logits.row(row)).enumerated() {
        let wanted = soft.isEmpty ? (index == label ? 1 : 0) : Double(soft[index])
        let target = share + (1 - Double(smoothing)) * wanted
        sum -= weight * target * logShare
        // A label alone has none to take off: the logarithm of 1 is 0.
        if wanted > 0 { sum += weight * (1 - Double(smoothing)) * wanted * log(wanted) }
        gradient[row, index] = Float(scale * weight / total * (exp(logShare) - target))
      }
    }
    return sum / total
  }

  /// The logarithms of the softmax of one row, in double precision.
  static func logSoftmax(_ row: [Float]) -> [Double] {
    let values = row.map(Double.init)
    let top = values.max() ?? 0
    let logSum = top + log(values.reduce(0) { $0 + exp($1 - top) })
    return values.map { $0 - logSum }
  }
}
