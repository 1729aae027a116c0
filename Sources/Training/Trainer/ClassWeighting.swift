/// How much each class counts in the loss.
public enum ClassWeighting: String, Sendable, CaseIterable {
  /// All rows count alike.
  case none
  /// Rows count by the inverse of their class's share: rows / (classes · rows of the class), as
  /// scikit-learn's `class_weight="balanced"`.
  case balanced

  /// The balanced weights of `labels`; classes without rows get 1.
  package static func balanced(_ labels: [Int], classes: Int) -> [Float] {
    var counts = [Int](repeating: 0, count: classes)
    for label in labels { counts[label] += 1 }
    let present = counts.count { $0 > 0 }
    return counts.map { count in
      count == 0 ? 1 : Float(labels.count) / (Float(present) * Float(count))
    }
  }
}
