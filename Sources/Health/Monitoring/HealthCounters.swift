import Prefork

/// Fixed-bin counts of every feature, of classes and of confidence, and the score of feedback, in shared memory: one row for
/// each worker slot. Recording is a few atomic additions; whoever reads sums the rows.
public struct HealthCounters: Sendable {
  /// Classes told apart; later ones are counted together in the last.
  public static let classLimit = 1024

  private enum Field {
    static let featureStarts: [Int] = {
      var start = 0
      return Feature.allCases.map { feature in
        defer { start += feature.binCount }
        return start
      }
    }()
    static let confidence = Feature.allCases.reduce(0) { $0 + $1.binCount }
    static let classes = confidence + ReferenceProfile.confidenceBinCount
    static let labelledAs = classes + classLimit
    static let labelledPredictedAs = labelledAs + classLimit
    static let hits = labelledPredictedAs + classLimit
    /// Labels told, those that took another's place as well: these never fall.
    static let toldRight = hits + classLimit
    static let toldWrong = toldRight + 1
    static let events = toldWrong + 1
    static let count = events + EventSender.counterCount
  }

  private let table: SharedCounterTable
  private let feedback: FeedbackTable

  /// Carves the counters of `slots` workers.
  /// - Throws: `PreforkError`.
  public init(in memory: SharedMemory, slots: Int) throws(PreforkError) {
    table = try SharedCounterTable(in: memory, slots: slots, countPerSlot: Field.count)
    feedback = try FeedbackTable(in: memory)
  }

  /// The bytes taken for `slots` workers.
  public static func byteCount(slots: Int) -> Int {
    SharedCounterTable.byteCount(slots: slots, countPerSlot: Field.count) + FeedbackTable.byteCount
  }

  /// The counters of one worker.
  public func recorder(slot: Int) -> Recorder {
    Recorder(row: table[slot], table: feedback)
  }

  /// The sender of one worker's events.
  public func sender(slot: Int, channel: EventChannel) -> EventSender {
    EventSender(channel: channel, counters: table[slot], at: Field.events)
  }

  /// Events that all workers sent, and those that they dropped.
  public var eventCounts: (sent: Double, dropped: Double) {
    (
      Double(table.sum(at: Field.events + EventSender.sentIndex)),
      Double(table.sum(at: Field.events + EventSender.droppedIndex))
    )
  }

  /// Labels told since the pool started, by whether the model had said the same; one in another's place counts again.
  public var labelsTold: (right: Double, wrong: Double) {
    (Double(table.sum(at: Field.toldRight)), Double(table.sum(at: Field.toldWrong)))
  }

  /// Everything counted since the pool started, for a model of `classCount` classes.
  public func snapshot(classCount: Int) -> HealthSnapshot {
    // A sum read between two workers' changes may be below zero for a moment.
    let sums = table.sums().map { Double(max(0, Int64(bitPattern: $0))) }
    let classes = min(classCount, Self.classLimit)
    func part(_ start: Int, _ count: Int) -> [Double] { Array(sums[start..<start + count]) }
    return HealthSnapshot(
      features: Feature.allCases.map { part(Field.featureStarts[$0.rawValue], $0.binCount) },
      confidence: part(Field.confidence, ReferenceProfile.confidenceBinCount),
      classes: part(Field.classes, classes), labelledAs: part(Field.labelledAs, classes),
      labelledPredictedAs: part(Field.labelledPredictedAs, classes),
      hits: part(Field.hits, classes))
  }

  /// One worker's way to count.
  public struct Recorder: Sendable {
    fileprivate let row: SharedCounters
    fileprivate let table: FeedbackTable

    /// Counts one text and what was predicted.
    public func count(_ features: FeatureValues, predicted: Int, confidence: Double) {
      for feature in Feature.allCases {
        row.add(at: Field.featureStarts[feature.rawValue] + feature.bin(of: features[feature]))
      }
      row.add(at: Field.confidence + ReferenceProfile.confidenceBin(of: confidence))
      row.add(at: Field.classes + min(predicted, classLimit - 1))
    }

    /// Makes weights known whose predictions will be remembered.
    public func announce(generation: UInt64) { table.announce(generation) }

    /// Remembers a prediction for its feedback.
    /// - Parameter generation: of the weights that answered, `HealthState.generation`.
    public func remember(key: UInt64, predicted: Int, generation: UInt64 = 0) {
      table.remember(key: key, predicted: predicted, generation: generation)
    }

    /// Counts the true label of a remembered prediction of the default model: once, and a later one in its place.
    public func feedback(requestID: String, labelIndex: Int) -> FeedbackOutcome {
      feedback(
        key: FeedbackKey.of(requestID: requestID, model: nil), labelIndex: labelIndex,
        isDefault: true
      ).outcome
    }

    /// Whether the prediction of a key is remembered, by whichever weights.
    public func remembers(key: UInt64, generation: UInt64 = 0) -> Bool {
      table.remembers(key: key, generation: generation)
    }

    /// Sets the true label of a remembered prediction, and counts it if the model is the default one and these weights
    /// predicted it.
    /// - Parameter generation: of the weights that serve.
    /// - Returns: what became of it, what had been predicted, and by which weights.
    public func feedback(
      key: UInt64, labelIndex: Int, isDefault: Bool, generation: UInt64 = 0
    ) -> (outcome: FeedbackOutcome, predicted: Int?, generation: UInt64) {
      guard
        case .found(let predicted, let previous, let earlier) = table.set(
          label: labelIndex, key: key, generation: generation)
      else { return (.unknownRequest, nil, generation) }
      let answered = earlier ?? generation
      if previous == labelIndex { return (.alreadyCounted, predicted, answered) }
      if isDefault, earlier == nil {
        if let previous { count(label: previous, predicted: predicted, isTaken: true) }
        count(label: labelIndex, predicted: predicted, isTaken: false)
        row.add(at: predicted == labelIndex ? Field.toldRight : Field.toldWrong)
      }
      let isRight = predicted == labelIndex
      return (
        previous.map { .replaced(previous: $0, wasCorrect: isRight) }
          ?? .counted(wasCorrect: isRight), predicted, answered
      )
    }

    /// Rows are summed with wrapping, so that one worker may take away what another has counted.
    private func count(label: Int, predicted: Int, isTaken: Bool) {
      let amount: UInt64 = isTaken ? .max : 1
      row.add(amount, at: Field.labelledAs + min(label, classLimit - 1))
      row.add(amount, at: Field.labelledPredictedAs + min(predicted, classLimit - 1))
      if predicted == label { row.add(amount, at: Field.hits + min(label, classLimit - 1)) }
    }
  }
}

/// The health counters at one moment. The difference of two is a window.
public struct HealthSnapshot: Sendable, Equatable {
  /// Texts in each bin, for each `Feature` in its order.
  public var features: [[Double]]
  /// Texts in each bin of the highest probability.
  public var confidence: [Double]
  /// Texts by predicted class.
  public var classes: [Double]
  /// Feedback by true class.
  public var labelledAs: [Double]
  /// Feedback by predicted class.
  public var labelledPredictedAs: [Double]
  /// Feedback that agreed, by class.
  public var hits: [Double]

  /// How many texts were counted.
  public var count: Double { confidence.reduce(0, +) }

  /// What was counted after `earlier`. Never below zero: rows are read while they grow.
  public func since(_ earlier: HealthSnapshot?) -> HealthSnapshot {
    guard let earlier else { return self }
    func minus(_ a: [Double], _ b: [Double]) -> [Double] { zip(a, b).map { max(0, $0 - $1) } }
    return HealthSnapshot(
      features: zip(features, earlier.features).map(minus),
      confidence: minus(confidence, earlier.confidence), classes: minus(classes, earlier.classes),
      labelledAs: minus(labelledAs, earlier.labelledAs),
      labelledPredictedAs: minus(labelledPredictedAs, earlier.labelledPredictedAs),
      hits: minus(hits, earlier.hits))
  }
}
