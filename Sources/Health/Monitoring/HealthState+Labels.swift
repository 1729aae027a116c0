/// Labels that came, by what became of them.
public struct LabelCounts: Sendable, Equatable, Codable {
  /// Of predictions that had none.
  public var counted = 0
  /// Of those, the ones whose first label was what the model had said.
  public var right = 0
  /// The same label as before.
  public var repeated = 0
  /// Another label than before.
  public var replaced = 0
  /// Of an unknown request, or unknown themselves.
  public var unknown = 0
  /// Of a prediction by other weights than those that serve now: kept, and not counted for these.
  public var earlierModel = 0

  /// None.
  public init() {}

  mutating func count(isRight: Bool) {
    counted += 1
    if isRight { right += 1 }
  }
}

/// A model besides the default one: what its labels say. Its drift is not watched.
public struct OtherModel: Sendable {
  /// The name in paths.
  public let name: String
  /// The classes.
  public let labels: [String]
  /// Texts that it predicted since this process began.
  public internal(set) var texts = 0
  /// Labels that came.
  public internal(set) var labelOutcomes = LabelCounts()
  /// Figures of labelled predictions.
  public internal(set) var performance: Performance?
  var tracker: PerformanceTracker
  var performanceAt = 0

  init(name: String, labels: [String]) {
    (self.name, self.labels) = (name, labels)
    tracker = PerformanceTracker(classCount: labels.count)
  }
}

extension HealthState {
  /// Whether a prediction is in memory.
  public func remembers(_ key: UInt64) -> Bool { predictions.contains(key) }

  /// The classes of a model; nil for a tag that no model has.
  func classCount(model: UInt32) -> Int? {
    model == 0 ? labels.count : others[model]?.labels.count
  }

  /// Takes in a true label: counts it once; another one for the same prediction takes its place.
  ///
  /// What has been counted for ADWIN and the other tests of the error stream stays, because they cannot forget.
  /// - Parameter stored: finds a prediction that is no longer in memory.
  @discardableResult
  public mutating func add(
    _ label: LateLabel, stored: (UInt64) -> StoredPrediction? = { _ in nil }
  ) -> FeedbackOutcome {
    guard let classes = classCount(model: label.model), (0..<classes).contains(label.label) else {
      change(label.model) { $0.unknown += 1 }
      return .unknownLabel
    }
    let own = generation(model: label.model)
    if case .found(let predicted, let probabilities, let previous, let generation) =
      predictions.set(label: label.label, key: label.requestHash)
    {
      let previous = told(before: label, kept: previous)
      guard generation == own else {
        return settleEarlier(label, predicted: predicted, previous: previous)
      }
      return settle(
        label, predicted: predicted, probabilities: probabilities, previous: previous)
    }
    if let found = stored(label.requestHash) {
      predictions.remember(
        found.key, predicted: found.predicted, probabilities: found.probabilities,
        label: label.label, generation: found.generation)
      let previous = told(before: label, kept: found.label)
      guard found.generation == own else {
        return settleEarlier(label, predicted: found.predicted, previous: previous)
      }
      return settle(
        label, predicted: found.predicted, probabilities: found.probabilities, previous: previous)
    }
    // The worker knew it, although its event was dropped: what it predicted is enough for the error rate.
    guard let predicted = label.predicted else {
      change(label.model) { $0.unknown += 1 }
      return .unknownRequest
    }
    let generation = label.generation == 0 ? own : label.generation
    predictions.remember(
      label.requestHash, predicted: predicted, probabilities: [], label: label.label,
      generation: generation)
    guard generation == own else {
      return settleEarlier(label, predicted: predicted, previous: label.previous)
    }
    return settle(label, predicted: predicted, probabilities: [], previous: label.previous)
  }

  /// A label for a prediction by other weights than those that serve now: kept, but it says nothing of these.
  private mutating func settleEarlier(
    _ label: LateLabel, predicted: Int, previous: Int?
  ) -> FeedbackOutcome {
    if previous == label.label { return .alreadyCounted }
    change(label.model) { $0.earlierModel += 1 }
    let isRight = predicted == label.label
    return previous.map { .replaced(previous: $0, wasCorrect: isRight) }
      ?? .counted(wasCorrect: isRight)
  }

  /// The label that was told before: the pool's memory is right where it knew the prediction, because a worker's label may be
  /// here before another worker's prediction, which then seems to have none.
  private func told(before label: LateLabel, kept: Int?) -> Int? {
    label.predicted == nil ? kept : label.previous
  }

  private mutating func settle(
    _ label: LateLabel, predicted: Int, probabilities: [Float], previous: Int?
  ) -> FeedbackOutcome {
    let isRight = predicted == label.label
    if previous == label.label {
      change(label.model) { $0.repeated += 1 }
      return .alreadyCounted
    }
    if let previous {
      change(label.model) { $0.replaced += 1 }
      if label.model == 0 {
        tracker.replace(label: label.label, key: label.requestHash)
      } else {
        others[label.model]?.tracker.replace(label: label.label, key: label.requestHash)
      }
      return .replaced(previous: previous, wasCorrect: isRight)
    }
    let row = LabelledPrediction(
      label: label.label, predicted: predicted, probabilities: probabilities,
      key: label.requestHash)
    change(label.model) { $0.count(isRight: isRight) }
    if label.model == 0 {
      count(row, at: Double(label.time) / 1e6)
    } else {
      others[label.model]?.tracker.add(row)
    }
    return .counted(wasCorrect: isRight)
  }

  private mutating func change(_ model: UInt32, _ body: (inout LabelCounts) -> Void) {
    if model == 0 {
      body(&labelOutcomes)
    } else if var other = others[model] {
      others[model] = nil
      body(&other.labelOutcomes)
      others[model] = other
    }
  }

  private mutating func count(_ row: LabelledPrediction, at time: Double) {
    tracker.add(row)
    concept.add(label: row.label, predicted: row.predicted)
    let index = minute(at: time)
    minutes[index].labelled += 1
    if row.label == row.predicted { minutes[index].right += 1 }
  }

  /// Takes in a label that was counted before this process, unless its snapshot has it. Its minute is in the store.
  mutating func recount(_ stored: StoredPrediction) {
    guard let label = stored.label, let classes = classCount(model: stored.model),
      (0..<classes).contains(label)
    else { return }
    if case .found(_, _, .some, _) = predictions.set(label: label, key: stored.key) { return }
    predictions.remember(
      stored.key, predicted: stored.predicted, probabilities: stored.probabilities, label: label,
      generation: stored.generation)
    change(stored.model) { $0.count(isRight: stored.predicted == label) }
    let row = LabelledPrediction(
      label: label, predicted: stored.predicted, probabilities: stored.probabilities,
      key: stored.key)
    if stored.model == 0 {
      tracker.add(row)
      concept.add(label: label, predicted: stored.predicted)
    } else {
      others[stored.model]?.tracker.add(row)
    }
  }
}
