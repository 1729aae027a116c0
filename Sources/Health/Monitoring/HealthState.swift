import Foundation

/// Everything that the health process knows, as a plain value: no clock, no log, no files.
public struct HealthState: Sendable {
  /// The classes.
  public let labels: [String]
  /// What production is compared to; nil where the model has no profile.
  public let reference: ReferenceProfile?
  /// What was set.
  public let options: HealthOptions
  /// The latest predictions, the oldest first, without request ids and texts. Made anew for each call.
  public var window: [PredictionRecord] { recent.records() }
  /// Minutes, the oldest first; the last one is not over.
  public internal(set) var minutes: [Minute] = []
  /// The latest comparison of the window with the reference.
  public private(set) var analysis: DriftAnalysis?
  /// Names of what has drifted, and since when in seconds since 1970.
  public internal(set) var drifted: [String: Double] = [:]
  /// The latest look of the drift detector.
  public private(set) var finding: AnytimeDetector.Finding?
  /// Figures of labelled predictions.
  public internal(set) var performance: Performance?
  /// The error stream.
  public internal(set) var concept: ConceptMonitor
  /// Which weights and classes each model has, by its tag; 0 is the default model's.
  public let generations: [UInt32: UInt64]
  let ownGeneration: UInt64
  /// Texts seen since this process began.
  public private(set) var texts = 0
  /// Texts that other weights than those that serve now answered, from workers that drain after a reload: not counted.
  public private(set) var textsOfOtherWeights = 0
  /// Labels that came, by what became of them.
  public internal(set) var labelOutcomes = LabelCounts()
  /// Models besides the default one, by tag: what their labels say.
  public internal(set) var others: [UInt32: OtherModel]
  /// Minutes that are over and not yet handed to the store.
  public private(set) var finishedMinutes: [Minute] = []
  /// Minutes kept in memory: seven days.
  public static let memoryMinutes = 7 * 24 * 60

  var detector: AnytimeDetector?
  private let layout: StreamLayout?
  var tracker: PerformanceTracker
  var predictions: RecentPredictions
  var recent: RecordWindow
  private var recentTexts = RecentTexts()
  private let thresholds: QualityThresholds
  private var generator = SplitMix(state: 7)
  private var credit = 0.0
  private var creditAt = 0.0
  private var analysedAt = (texts: 0, time: 0.0)
  private var performanceAt = 0

  /// A state that has seen nothing.
  /// - Parameter others: names and classes of the models besides the default one.
  public init(
    labels: [String], reference: ReferenceProfile?, options: HealthOptions,
    others: [(name: String, labels: [String])] = []
  ) {
    let others = Dictionary(
      others.map {
        (FeedbackKey.tag(model: $0.name), OtherModel(name: $0.name, labels: $0.labels))
      },
      uniquingKeysWith: { first, _ in first })
    var generations = others.mapValues { Self.generation(labels: $0.labels, reference: nil) }
    ownGeneration = Self.generation(labels: labels, reference: reference)
    generations[0] = ownGeneration
    (self.others, self.generations) = (others, generations)
    self.labels = labels
    self.reference = reference
    self.options = options
    predictions = RecentPredictions(
      classCounts: [labels.count] + others.values.map(\.labels.count))
    recent = RecordWindow(size: options.windowSize)
    thresholds = reference?.thresholds ?? QualityThresholds()
    layout = reference.map(StreamLayout.init)
    detector = layout.map { AnytimeDetector(streams: $0.streams, options: options.detector) }
    tracker = PerformanceTracker(classCount: labels.count)
    concept = ConceptMonitor(
      labelled: reference?.labelled, classCount: labels.count, options: options.detector)
  }

  /// Moves this process' own minutes ahead by whole minutes, so that they follow those of the store.
  mutating func moveMinutes(by seconds: Int64) {
    for index in minutes.indices { minutes[index].start += seconds }
    for index in finishedMinutes.indices { finishedMinutes[index].start += seconds }
    if firstOwnMinute != .max { firstOwnMinute += seconds }
  }

  /// Puts history from the store before what has been seen.
  public mutating func restore(_ earlier: [Minute]) {
    let first = minutes.first?.start ?? .max
    if let same = earlier.first(where: { $0.start == first }) { minutes[0].add(same) }
    minutes = earlier.filter { $0.start < first }.suffix(Self.memoryMinutes) + minutes
  }

  // MARK: - Predictions

  /// Takes in one prediction.
  public mutating func add(_ record: PredictionRecord) {
    guard record.isBounded else { return add(record.bounded) }
    let own = generation(model: record.model)
    predictions.remember(record, generation: record.generation == 0 ? own : record.generation)
    // A worker that drains after a reload: its answers are not this model's.
    guard record.generation == 0 || record.generation == own else {
      textsOfOtherWeights += 1
      return
    }
    guard record.model == 0 else {
      others[record.model]?.texts += 1
      return
    }
    let time = Double(record.time) / 1e6
    texts += 1
    let failures = enter(record)
    let index = minute(at: time)
    minutes[index].add(
      record, failures: failures,
      estimatedRight: reference?.labelled?.calibration(record.confidence) ?? 0)
    if detector != nil, isTakenIn(time) { watch(record, time) }
  }

  /// Puts a record into the window.
  /// - Returns: the checks that it fails, as bits.
  @discardableResult
  mutating func enter(_ record: PredictionRecord) -> UInt16 {
    var failures: UInt16 = 0
    if record.features.count == Feature.allCases.count {
      failures = thresholds.mask(
        features: record.features, distance: reference?.embedding?.distance(of: record.embedding),
        isTruncated: record.isTruncated, likeness: recentTexts.add(record.fingerprint))
    }
    recent.add(record, failures: failures)
    return failures
  }

  /// The place of the minute that a time falls into. A clock that jumps back goes on with the latest minute, so that the
  /// order is kept; one that jumps ahead leaves a gap.
  mutating func minute(at time: Double) -> Int {
    let start = Int64(time / 60) * 60
    if let last = minutes.last, start <= last.start {
      // The store's latest minute, which goes on: it is written again with what this process adds.
      firstOwnMinute = min(firstOwnMinute, last.start)
      return minutes.count - 1
    }
    if let last = minutes.last, last.start >= firstOwnMinute { finishedMinutes.append(last) }
    if minutes.isEmpty || firstOwnMinute == .max { firstOwnMinute = min(firstOwnMinute, start) }
    minutes.append(Minute(start: start, classCount: labels.count))
    if minutes.count > Self.memoryMinutes { minutes.removeFirst(60) }
    return minutes.count - 1
  }

  /// Where this process' own minutes begin; those before are the store's.
  private var firstOwnMinute = Int64.max

  /// Ends the current minute once its time is over, and gives up those that are finished.
  public mutating func takeFinishedMinutes(at time: Double, all: Bool = false) -> [Minute] {
    if !minutes.isEmpty, Int64(time / 60) * 60 > minutes[minutes.count - 1].start {
      _ = minute(at: time)
    }
    defer { finishedMinutes = [] }
    guard all, let last = minutes.last, last.start >= firstOwnMinute else { return finishedMinutes }
    return finishedMinutes + [last]
  }

  private mutating func watch(_ record: PredictionRecord, _ time: Double) {
    guard let layout, var detector else { return }
    // Out of its place while it changes, so that its storage is not copied.
    self.detector = nil
    let result = detector.add(layout.bins(of: record))
    if let result {
      finding = result
      if result.isAlarm {
        for name in detector.guilty(in: result) where drifted[name] == nil { drifted[name] = time }
      }
      if !detector.isDrifted { drifted = [:] }
    }
    self.detector = detector
  }

  /// A bucket of credit that fills with `intakePerSecond`; past it a random tenth would still be biased to the moment's
  /// start, so the credit is spent by chance in proportion to what is there.
  private mutating func isTakenIn(_ time: Double) -> Bool {
    let most = 25 * options.intakePerSecond
    credit = min(most, credit + max(0, time - creditAt) * options.intakePerSecond)
    if creditAt == 0 { credit = most }
    creditAt = max(creditAt, time)
    let chance = min(1, 4 * credit / most)
    guard credit >= 1, generator.uniform() < chance else { return false }
    credit -= 1
    return true
  }

  // MARK: - Pool

  /// Puts the pool's own figures into the current minute.
  public mutating func add(_ pool: PoolDelta, at time: Double) {
    guard pool.statuses.contains(where: { $0 > 0 }) || !minutes.isEmpty else { return }
    let index = minute(at: time)
    minutes[index].add(statuses: pool.statuses)
    minutes[index].dropped += pool.dropped
    minutes[index].processor = max(minutes[index].processor, pool.processor)
    minutes[index].memory = max(minutes[index].memory, pool.memory)
  }

  // MARK: - Analysis

  /// Compares the window with the reference, if there is news and the last time is long enough ago.
  public mutating func analyse(at time: Double, atLeastEvery seconds: Double = 10) {
    if tracker.changes != performanceAt {
      performanceAt = tracker.changes
      performance = tracker.performance
    }
    for (tag, other) in others where other.tracker.changes != other.performanceAt {
      others[tag]?.performanceAt = other.tracker.changes
      others[tag]?.performance = other.tracker.performance
    }
    guard let reference, texts > analysedAt.texts,
      abs(time - analysedAt.time) >= seconds || analysis == nil
    else { return }
    analysis = DriftAnalysis(
      reference: reference, window: recent.records(latest: options.windowSize))
    analysedAt = (texts, time)
  }

  /// Failures of each check in the window, and how many texts that is.
  public var quality: (failures: [Double], count: Double) {
    let masks = recent.failures(latest: options.windowSize)
    return (QualityCheck.counts(masks), Double(masks.count))
  }

  /// The rate that a check may reach.
  public func qualityLimit(_ check: QualityCheck) -> Double {
    options.qualityLimits[check.name]
      ?? reference.map {
        QualityThresholds.limit(
          failures: $0.qualityFailures[check.rawValue], count: Double($0.count))
      } ?? 1
  }

  /// The checks whose rate is beyond doubt (Wilson's lower bound at 99.9 %) above their limit.
  public var qualityAlarms: [QualityCheck] {
    let (failures, count) = quality
    guard count >= 50 else { return [] }
    return QualityCheck.allCases.filter { check in
      let interval = Statistics.wilsonInterval(
        successes: failures[check.rawValue], count: count, z: 3.29)
      return interval.lower > qualityLimit(check)
    }
  }

  /// Accuracy of the window as its calibrated confidences have it, with its error; nil without calibration or traffic.
  public var estimatedAccuracy: (value: Double, interval: Interval)? {
    guard let labelled = reference?.labelled, recent.count > 0 else { return nil }
    return AccuracyEstimate.estimate(
      confidences: recent.confidences(latest: options.windowSize), labelled: labelled)
  }
}

/// What the pool's counters grew by since the last look.
public struct PoolDelta: Sendable {
  /// Answers by the first digit of their status, index 0 for 1xx.
  public var statuses: [Double] = []
  /// Events that workers dropped.
  public var dropped = 0.0
  /// Cores that the pool used.
  public var processor = 0.0
  /// Bytes of memory (PSS).
  public var memory = 0.0

  /// Nothing.
  public init() {}
}
