import Foundation

/// How much a label that stands for "none of the others" is preferred beyond what training made of it.
///
/// Training rows hold few such texts, since their number is the author's choice; users send many of them. The model has
/// learned the rows' share, which no training row can tell to be wrong; what is known is what it costs to doubt more:
/// texts in scope that are then turned away. So their rows decide: the label's logit is raised as far as no more than
/// `cost` of the accuracy on them is lost.
public struct OutOfScopePreference: Sendable {
  /// What is added to the label's logit, 0 or above.
  public let bias: Float
  /// Accuracy on the rows of other labels, before and with it.
  public let inScope: (before: Double, after: Double)
  /// Share of the label's own rows that are found, before and with it; 0 where there are none.
  public let found: (before: Double, after: Double)

  /// Fits the preference for `label` on `rows`. Nil where all rows are of that label.
  public init?(_ rows: ScoredRows, label: Int, cost: Double) {
    // By how much the label's logit is below the best of the others': with more it wins.
    let margins = rows.logits.map { values in
      (values.indices.lazy.filter { $0 != label }.map { values[$0] }.max() ?? 0) - values[label]
    }
    let own = rows.truths.indices.filter { rows.truths[$0] == label }
    // Rows of other labels that are right as long as the label does not win.
    let others = rows.truths.indices.filter { rows.truths[$0] != label }
    guard !others.isEmpty else { return nil }
    let right = others.filter { row in
      let values = rows.logits[row]
      return values.indices.allSatisfy {
        $0 == label || $0 == rows.truths[row] || values[$0] < values[rows.truths[row]]
      }
    }
    .map { margins[$0] }.filter { $0 > 0 }.sorted()
    let loses = Int(cost * Double(others.count))
    // Just below the first right answer that would be one too many.
    let bias = loses < right.count ? right[loses].nextDown : (right.last ?? 0) + 1
    func share(_ rows: [Int], _ bias: Float) -> Double {
      rows.isEmpty ? 0 : Double(rows.count { margins[$0] < bias }) / Double(rows.count)
    }
    self.bias = max(0, bias)
    func accuracy(_ bias: Float) -> Double {
      Double(right.count { $0 > bias }) / Double(others.count)
    }
    inScope = (accuracy(0), accuracy(self.bias))
    found = (share(own, 0), share(own, self.bias))
  }

  /// What was done and what it brought, in one sentence.
  public func summary(_ label: String) -> String {
    String(
      format:
        "the score of \"%@\" is raised by %.2f: on the validation rows %.1f instead of %.1f %% of its texts are "
        + "found, and %.2f instead of %.2f %% of the others are right", label, bias,
      found.after * 100, found.before * 100, inScope.after * 100, inScope.before * 100)
  }
}
