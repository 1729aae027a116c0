import Foundation
import JSON

extension HealthState {
  private struct Saved: Codable {
    /// The records of the window as `HealthEvent` writes them.
    var window: Data
    var detector: AnytimeDetector.Saved?
    var drifted: [String: Double]
    var concept: ConceptMonitor.Saved
    var labelled: [LabelledPrediction]
    var labelOutcomes: LabelCounts
    var others: [String: Other]
  }

  private struct Other: Codable {
    var labels: [String]
    var labelled: [LabelledPrediction]
    var labelOutcomes: LabelCounts
  }

  /// Tells weights and classes apart: what was learned of one is not told of another.
  public func generation(model: UInt32) -> UInt64 {
    model == 0 ? ownGeneration : generations[model] ?? 0
  }

  /// The number of weights with these classes and this reference; never 0. Weights without a reference are told apart by their
  /// classes alone.
  public static func generation(labels: [String], reference: ReferenceProfile?) -> UInt64 {
    var parts = labels
    if let reference {
      parts += [reference.modelChecksum, "\(reference.count)", "\(reference.classCounts)"]
    }
    return max(1, RequestHash.of(parts.joined(separator: "\u{1F}")))
  }

  /// Whether anything was taken in yet.
  var isFresh: Bool { texts == 0 && labelOutcomes == LabelCounts() }

  /// What a restart goes on from.
  public func snapshot(at time: Double) -> StateSnapshot? {
    var bytes: [UInt8] = []
    for record in recent.records(latest: options.windowSize) {
      HealthEvent.prediction(record).append(to: &bytes)
    }
    let saved = Saved(
      window: Data(bytes), detector: detector?.saved, drifted: drifted, concept: concept.saved,
      labelled: Array(tracker.window), labelOutcomes: labelOutcomes,
      others: Dictionary(
        others.values.map {
          (
            $0.name,
            Other(
              labels: $0.labels, labelled: Array($0.tracker.window),
              labelOutcomes: $0.labelOutcomes)
          )
        }, uniquingKeysWith: { first, _ in first }))
    // A property list, because it has infinities and whole 64-bit numbers.
    let encoder = PropertyListEncoder()
    encoder.outputFormat = .binary
    guard let data = try? encoder.encode(saved) else { return nil }
    return StateSnapshot(
      generation: generation(model: 0), time: Int64(time * 1e6), bytes: Array(data))
  }

  /// Goes on from what the store has: minutes always; windows, tests and labels of the same weights and classes where nothing
  /// was taken in yet.
  public mutating func restore(_ earlier: EarlierHistory) {
    let isFresh = isFresh
    restore(earlier.minutes)
    guard isFresh else { return }
    if let snapshot = earlier.snapshot, snapshot.generation == generation(model: 0),
      let saved = try? PropertyListDecoder().decode(Saved.self, from: Data(snapshot.bytes))
    {
      resume(saved)
    }
    for stored in earlier.labelled where stored.generation == generation(model: stored.model) {
      recount(stored)
    }
  }

  private mutating func resume(_ saved: Saved) {
    for case .prediction(let record) in HealthEvent.parse(Array(saved.window)[...]).events {
      enter(record)
      predictions.remember(record, generation: generation(model: 0))
    }
    if let detector = saved.detector { self.detector?.resume(detector) }
    (drifted, labelOutcomes) = (saved.drifted, saved.labelOutcomes)
    concept.resume(saved.concept)
    var own = tracker
    for row in saved.labelled { restore(row, model: 0, into: &own) }
    tracker = own
    for (tag, other) in others {
      guard let earlier = saved.others[other.name],
        ExactString.areEqual(earlier.labels, other.labels)
      else { continue }
      var tracker = other.tracker
      for row in earlier.labelled { restore(row, model: tag, into: &tracker) }
      others[tag]?.tracker = tracker
      others[tag]?.labelOutcomes = earlier.labelOutcomes
    }
  }

  private mutating func restore(
    _ row: LabelledPrediction, model: UInt32, into tracker: inout PerformanceTracker
  ) {
    guard (0..<(classCount(model: model) ?? 0)).contains(row.label), row.predicted >= 0 else {
      return
    }
    predictions.remember(
      row.key, predicted: row.predicted, probabilities: row.probabilities, label: row.label,
      generation: generation(model: model))
    tracker.add(row)
  }
}
