import Foundation

/// Follows the training loss and says when it goes wrong: no number, a spike, divergence, or a model
/// that learns nothing.
package struct LossWatch: Codable, Equatable {
  /// What a loss means for the run.
  package enum Verdict: Equatable {
    /// Nothing is wrong.
    case fine
    /// One batch's loss is far outside the usual; its step is left out.
    case spike(usual: Double)
    /// The loss has risen for good.
    case diverged(best: Double)
    /// The loss is not below what guessing by the labels' shares gives, after a fair number of steps.
    case stuck
    /// The loss or the gradient is no number.
    case notANumber
  }

  /// The loss of guessing each label by its share (see `chance(labels:targets:classes:smoothing:)`).
  let chance: Double
  /// Steps without learning after which a run counts as stuck.
  let patience: Int
  private var count = 0
  private var mean = 0.0
  private var square = 0.0
  private var recentSpikes = 0
  private var sinceSpike = 0
  private(set) var best = Double.greatestFiniteMagnitude

  package init(chance: Double, patience: Int) {
    self.chance = chance
    self.patience = patience
  }

  /// Mean of recent losses, in the units of the loss; weights fall by a fiftieth a step.
  var smoothed: Double { count == 0 ? .nan : mean }

  /// Whether the present state is worth coming back to.
  var isHealthy: Bool { count < 10 || smoothed <= best * 1.1 + 0.02 * chance }

  /// Takes the loss of the next step into account, before its update is made.
  package mutating func observe(_ loss: Double) -> Verdict {
    guard loss.isFinite else { return .notANumber }
    sinceSpike += 1
    if sinceSpike > 50 { recentSpikes = 0 }
    if count >= 20 {
      let deviation = max(square - mean * mean, 0).squareRoot()
      // A hard row in a small batch is no spike: what is far above guessing is.
      if loss > mean + 6 * deviation && loss > 0.5 * mean + 1.5 * chance {
        recentSpikes += 1
        sinceSpike = 0
        return recentSpikes > 3 ? .diverged(best: best) : .spike(usual: mean)
      }
    }
    // A short history follows more closely.
    let keep = min(0.98, Double(count) / Double(count + 1))
    mean = keep * mean + (1 - keep) * loss
    square = keep * square + (1 - keep) * loss * loss
    count += 1
    if count >= 20 { best = min(best, mean) }
    if count >= 40 {
      let hasRisen = mean > 2 * best + 0.25 * chance
      let hasCollapsed = best < 0.8 * chance && mean > 0.97 * chance
      if hasRisen || hasCollapsed { return .diverged(best: best) }
    }
    if count >= patience && best > 0.985 * chance { return .stuck }
    return .fine
  }

  /// Forgets what was, but for the best: after a return to a good state the loss is to come back there.
  mutating func restart() {
    let kept = best
    self = LossWatch(chance: chance, patience: patience)
    best = kept
  }

  /// The loss of a model that knows the labels' shares and nothing else, in nats, as `CrossEntropy` has it: the entropy of the
  /// mean target, with label smoothing, of which the rows' own entropy is taken off. A row's target is its distribution
  /// in `targets`, or all on its label where that is empty or there are none; it counts by its label's class weight.
  package static func chance(
    labels: [Int], targets: [[Float]] = [], classes: Int, smoothing: Double,
    classWeights: [Float] = []
  ) -> Double {
    func entropy(_ shares: [Double]) -> Double {
      shares.reduce(0) { $0 - ($1 > 0 ? $1 * log(max($1, 1e-12)) : 0) }
    }
    var (sums, own, total) = ([Double](repeating: 0, count: classes), 0.0, 0.0)
    for (row, label) in labels.enumerated() {
      let target = targets.isEmpty ? [] : targets[row].map(Double.init)
      let weight = classWeights.isEmpty ? 1 : Double(classWeights[label])
      if target.isEmpty { sums[label] += weight }
      for (index, share) in target.enumerated() { sums[index] += weight * share }
      own += weight * (1 - smoothing) * entropy(target)
      total += weight
    }
    guard total > 0 else { return log(Double(max(1, classes))) }
    return entropy(sums.map { (1 - smoothing) * $0 / total + smoothing / Double(classes) })
      - own / total
  }
}
