import Foundation

/// Softens the labels of training rows by what a linear model of words and pairs of words makes of them, which it has
/// learned from other rows.
///
/// A small Transformer on a few thousand rows learns less of single words than such a model does, since it
/// can know its rows by heart in many other ways. Learning from both the label and the linear model's distribution
/// (Hinton, Vinyals and Dean, 2015) takes over what that one knows, and what attention adds stays. Each row's
/// distribution comes from a model that has not seen it (cross-fitting, as in stacking: Wolpert, 1992): one that has
/// would only repeat the label.
package struct NGramTeacher {
  /// The teacher's part of the target; the label has the rest.
  package var share: Double
  /// Groups of rows; each is judged by a model of all others.
  package var folds = 5
  /// Decides groups and order.
  package var seed: UInt64

  /// The most classes for which a teacher is worth its time and memory.
  package static let mostClasses = 1000
  /// Most buckets of words and pairs, and most weights of one linear model.
  private static let (mostBuckets, mostWeights) = (1 << 18, 1 << 26)

  package init(share: Double, seed: UInt64) { (self.share, self.seed) = (share, seed) }

  /// What the teacher says of its rows.
  package struct Lesson {
    /// A target for each row; empty where the teacher has no part in it.
    package var targets: [[Float]]
    /// Share of the rows of which it is right, unseen.
    package var accuracy: Double
    /// Mean −log p(label) in nats, unseen.
    package var loss: Double
  }

  /// Targets for `texts` with `labels` below `classes`. Nil where it has nothing to teach: a share of 0, too many
  /// classes, too few rows, or a linear model hardly better than the labels' shares.
  package func lesson(_ texts: [String], labels: [Int], classes: Int) -> Lesson? {
    guard share > 0, classes <= Self.mostClasses, texts.count >= 2 * folds else { return nil }
    let views = unseenViews(texts, labels: labels, classes: classes)
    var (right, loss, judged) = (0, 0.0, 0)
    for (view, label) in zip(views, labels) where !view.isEmpty {
      judged += 1
      loss -= log(max(Double(view[label]), 1e-12))
      right += view.indices.max { view[$0] < view[$1] } == label ? 1 : 0
    }
    let mean = loss / Double(max(1, judged))
    guard judged > 0, mean < 0.9 * LossWatch.chance(labels: labels, classes: classes, smoothing: 0)
    else { return nil }
    let targets = zip(views, labels).map { view, label in
      view.indices.map { Float(share) * view[$0] + ($0 == label ? Float(1 - share) : 0) }
    }
    return Lesson(targets: targets, accuracy: Double(right) / Double(judged), loss: mean)
  }

  /// How likely each class is for each text, by a model of the other folds; empty where those have no row of its label,
  /// since they could only speak against it.
  private func unseenViews(_ texts: [String], labels: [Int], classes: Int) -> [[Float]] {
    var buckets = Self.mostBuckets
    while buckets * classes > Self.mostWeights { buckets /= 2 }
    let features = NGramFeatures(buckets: buckets)
    let words = texts.map(TextUnits.words)
    let counts = words.map(features.counts)
    let groups = CrossFittingFolds(words, labels: labels, folds: folds, seed: seed).fold
    var views = [[Float]](repeating: [], count: texts.count)
    for fold in 0..<folds {
      let others = texts.indices.filter { groups[$0] != fold }
      let frequencies = features.inverseFrequencies(others.lazy.map { counts[$0] })
      var model = SparseLogisticRegression()
      model.fit(
        others.map { features.weighted(counts[$0], by: frequencies) },
        labels: others.map { labels[$0] }, classes: classes, features: buckets, seed: seed)
      let known = Set(others.map { labels[$0] })
      for row in texts.indices where groups[row] == fold && known.contains(labels[row]) {
        views[row] = model.probabilities(features.weighted(counts[row], by: frequencies))
      }
    }
    return views
  }
}
