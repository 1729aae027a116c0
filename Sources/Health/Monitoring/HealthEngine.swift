import Foundation
import JSON
import Logging
import Synchronization

/// The health process' own thread of work: takes events in, looks once a second, tells alerts, keeps history.
public final class HealthEngine: Sendable {
  private struct Guarded: Sendable {
    var state: HealthState
    var board = AlertBoard()
    var reading = PoolReading()
    var malformed = 0
    /// When a model last computed what is not a finite number.
    var notFiniteAt: Double?
    /// Where each event is read to.
    var record = PredictionRecord()
    /// The second of the latest event that the store was given, and how many of that second it has.
    var stored = (second: Int64.min, count: 0)
    var snapshotAt = 0.0
    /// Seconds that the store's history is ahead of the clock: the wall clock was set back before the pool began.
    var lead = 0.0
    /// Nil where texts are not kept.
    var texts: LabelledTexts?

    /// Whether the store takes the record that was read: the first `limit` of each second. Asked here, so that no others are
    /// made ready for it.
    mutating func isKept(limit: Int) -> Bool {
      let second = record.time / 1_000_000
      if second != stored.second { stored = (second, 0) }
      stored.count += 1
      return stored.count <= limit
    }
  }

  /// Seconds between two snapshots.
  private static let snapshotInterval = 60.0

  private let guarded: Mutex<Guarded>
  private let store: HistoryWriter?
  private let notifiers: [any AlertNotifier]
  private let log: Logger

  /// - Parameters:
  ///   - others: names and classes of the models besides the default one.
  ///   - store: where history is kept; nil keeps it in memory alone.
  ///   - notifiers: who is told of alerts, besides the log.
  public init(
    labels: [String], reference: ReferenceProfile?, options: HealthOptions,
    others: [(name: String, labels: [String])] = [], store: HistoryWriter? = nil,
    notifiers: [any AlertNotifier] = [], log: Logger
  ) {
    guarded = Mutex(
      Guarded(
        state: HealthState(
          labels: labels, reference: reference, options: options, others: others),
        texts: options.keepsText ? LabelledTexts() : nil))
    (self.store, self.notifiers, self.log) = (store, notifiers, log)
  }

  /// Puts in the history that the store has. May take seconds. Times go on from where the store's end, so that no minute is
  /// written over another one; a store that is more than a week ahead was written by a clock that was wrong, and is left behind.
  /// - Returns: whether there is nothing more to wait for.
  @discardableResult
  public func restore(at time: Double) -> Bool {
    guard let store else { return true }
    let (classCount, generation) = guarded.withLock {
      ($0.state.labels.count, $0.state.generation(model: 0))
    }
    let start = Int64(time) - Int64(HealthState.memoryMinutes) * 60
    guard
      let earlier = store.earlier(since: start, classCount: classCount, generation: generation)
    else { return false }
    guarded.withLock { guarded in
      let first = guarded.state.minutes.first?.start ?? Int64(time / 60) * 60
      // The minute that both began in goes on.
      let ahead = (earlier.minutes.last?.start ?? first) - first
      let lead = ahead > 0 ? ahead + 60 : 0
      if lead > 0, lead <= Int64(HealthState.memoryMinutes) * 60 {
        guarded.lead = Double(lead)
        guarded.state.moveMinutes(by: lead)
      }
      guarded.state.restore(earlier)
      guarded.board.restore(earlier.alerts, at: time + guarded.lead)
      guarded.snapshotAt = time
    }
    return true
  }

  /// Takes in the bytes of one datagram.
  /// - Returns: labels whose predictions are not in memory, for `settle`.
  @discardableResult
  public func receive(_ bytes: ArraySlice<UInt8>) -> [LateLabel] {
    var (records, counted, late) = ([PredictionRecord](), [StoredLabel](), [LateLabel]())
    let generations = guarded.withLock { guarded in
      var reader = EventReader(bytes)
      let lead = Int64(guarded.lead * 1e6)
      while let kind = reader.next(into: &guarded.record) {
        switch kind {
        case .prediction:
          guarded.record.time &+= lead
          let isKept = store.map { guarded.isKept(limit: $0.predictionsPerSecond) } ?? false
          if isKept || guarded.texts != nil { reader.readStrings(into: &guarded.record) }
          if reader.hasText { guarded.texts?.add(.prediction(guarded.record)) }
          guarded.state.add(guarded.record)
          if isKept { records.append(guarded.record) }
        case .label(var label):
          label.time &+= lead
          guarded.texts?.add(.label(label))
          if store != nil, !guarded.state.remembers(label.requestHash) {
            late.append(label)
          } else if guarded.state.add(label).isNews {
            counted.append(StoredLabel(label))
          }
        }
      }
      if !reader.isWhole { guarded.malformed += 1 }
      return records.isEmpty ? [:] : guarded.state.generations
    }
    guard let store else { return [] }
    if !records.isEmpty { store.append(records, generations: generations) }
    if !counted.isEmpty { store.append(labels: counted) }
    return late
  }

  /// Takes in labels whose predictions the store may have. May take seconds.
  public func settle(_ labels: [LateLabel]) {
    let stored = store?.predictions(labels.map(\.requestHash)) ?? [:]
    let counted = guarded.withLock { guarded in
      labels.filter { label in guarded.state.add(label) { stored[$0] }.isNews }
    }
    store?.append(labels: counted.map(StoredLabel.init))
  }

  /// Takes in labels that a worker has no predictions for, and says what became of each. May take seconds.
  public func answer(_ inquiry: LabelInquiry, at time: Double) -> LabelReply {
    let wanted = guarded.withLock { guarded in
      inquiry.labels.filter { !$0.contains { guarded.state.remembers($0.key) } }.flatMap { $0 }
    }
    let stored = wanted.isEmpty ? [:] : store.map { $0.predictions(wanted.map(\.key)) } ?? [:]
    var counted: [StoredLabel] = []
    let answers = guarded.withLock { guarded in
      let now = Int64((time + guarded.lead) * 1e6)
      return inquiry.labels.map { candidates -> FeedbackAnswer in
        let place = candidates.firstIndex {
          guarded.state.remembers($0.key) || stored?[$0.key] != nil
        }
        guard let place else {
          guard stored != nil else { return FeedbackAnswer(outcome: .unavailable) }
          if let first = candidates.first(where: { $0.label != nil }) {
            // Counted among those of unknown requests.
            guarded.state.add(
              LateLabel(
                time: now, requestHash: first.key, label: first.label ?? 0,
                model: first.model))
          }
          return FeedbackAnswer(outcome: .unknownRequest)
        }
        guard let label = candidates[place].label else {
          return FeedbackAnswer(outcome: .unknownLabel, candidate: place)
        }
        let late = LateLabel(
          time: now, requestHash: candidates[place].key, label: label,
          model: candidates[place].model)
        let outcome = guarded.state.add(late) { stored?[$0] }
        if outcome.isNews {
          counted.append(StoredLabel(late))
          guarded.texts?.add(.label(late))
        }
        return FeedbackAnswer(outcome: outcome, candidate: place)
      }
    }
    if !counted.isEmpty { store?.append(labels: counted) }
    return LabelReply(number: inquiry.number, answers: answers)
  }

  /// Takes the pool's counters as they are at the beginning: only what is added counts.
  public func begin(_ reading: PoolReading) {
    guarded.withLock { guarded in
      if guarded.reading.time == 0 { guarded.reading = reading }
    }
  }

  /// Looks once: finishes minutes, compares, raises and ends alerts.
  /// - Parameter shift: what is added to times that are told, so that they are the wall clock's.
  public func tick(_ reading: PoolReading, at time: Double, shift: Double = 0) {
    var told = 0.0
    let (changes, minutes, isDue) = guarded.withLock { guarded -> ([Alert], [Minute], Bool) in
      let time = time + guarded.lead
      told = shift - guarded.lead
      let delta = reading.since(guarded.reading)
      if guarded.reading.time > 0 && reading.notFinite > guarded.reading.notFinite {
        guarded.notFiniteAt = time
      }
      guarded.reading = reading
      guarded.state.add(delta, at: time)
      guarded.state.analyse(at: time)
      let signals = AlertRules.signals(
        guarded.state, burn: Self.burn(guarded.state, at: time),
        dropped: Self.dropped(guarded.state), workers: (reading.ready, reading.wanted),
        secondsSinceNotFinite: guarded.notFiniteAt.map { abs(time - $0) }, refusal: reading.refusal)
      let changes = guarded.board.observe(signals, at: time)
      let isDue = store != nil && abs(time - guarded.snapshotAt) >= Self.snapshotInterval
      if isDue { guarded.snapshotAt = time }
      return (changes, guarded.state.takeFinishedMinutes(at: time), isDue)
    }
    store?.append(
      minutes: minutes, alerts: changes, snapshot: isDue ? snapshot(at: time) : nil)
    for alert in changes where !alert.isSilenced { tell(alert.shown(shift: told)) }
  }

  /// Writes what is not yet in the store, for an orderly end.
  public func finish(at time: Double) {
    let minutes = guarded.withLock {
      $0.state.takeFinishedMinutes(at: time + $0.lead, all: true)
    }
    store?.append(minutes: minutes, alerts: [], snapshot: snapshot(at: time))
    store?.close()
  }

  /// Made of a copy, so that nobody waits for it.
  private func snapshot(at time: Double) -> StateSnapshot? {
    let (state, lead) = guarded.withLock { ($0.state, $0.lead) }
    return state.snapshot(at: time + lead)
  }

  private func tell(_ alert: Alert) {
    let subject = alert.subject.isEmpty ? "" : " (\(alert.subject))"
    if alert.endedAt == nil {
      log.warning(
        "alert \(alert.name)\(subject) begins: \(alert.reason). See /monitor on the admin listener.",
        metadata: ["severity": "\(alert.severity.rawValue)"])
    } else {
      log.notice("alert \(alert.name)\(subject) is over: \(alert.explanation)")
    }
    for notifier in notifiers { notifier.notify(alert) }
  }

  /// Requests that were slow or failed, over those allowed, in the latest hour and five minutes.
  static func burn(_ state: HealthState, at time: Double) -> (long: Double, short: Double) {
    func burn(_ seconds: Double) -> Double {
      var (bad, all) = (0.0, 0.0)
      for minute in state.minutes.reversed() {
        guard Double(minute.start) >= time - seconds else { break }
        all += max(minute.texts, minute.statuses.reduce(0, +))
        bad += minute.statuses[4]
        for (bin, count) in minute.latency.enumerated()
        where bin > 0 && Minute.latencyBound(bin - 1) >= state.options.latencyObjective {
          bad += count
        }
      }
      return all > 0 ? bad / all / (1 - state.options.latencyTarget) : 0
    }
    return (burn(3600), burn(300))
  }

  private static func dropped(_ state: HealthState) -> Double {
    state.minutes.suffix(2).reduce(0) { max($0, $1.dropped) }
  }

  /// The state, how many alerts last, and how far its times are ahead of the clock.
  var current: (state: HealthState, activeAlerts: Int, lead: Double) {
    guarded.withLock { ($0.state, $0.board.active.count, $0.lead) }
  }

  // MARK: - For retraining

  /// What is to be done with the model now.
  public var verdict: Verdict { guarded.withLock { $0.state }.verdict }

  /// Texts with their labels; nil where texts are not kept.
  public var labelledTexts: LabelledTexts? { guarded.withLock { $0.texts } }

  /// Takes in labelled texts that an earlier process kept.
  public func restore(labelledTexts tsv: String) {
    guarded.withLock { $0.texts?.add(tsv: tsv, labels: $0.state.labels) }
  }

  // MARK: - What is shown

  /// Silences a rule.
  public func silence(_ name: String, until time: Double) {
    guarded.withLock { $0.board.silence(name, until: time + $0.lead) }
  }

  /// The object of `/monitor.json`.
  /// - Parameter shift: what is added to times, so that they are the wall clock's.
  public func json(at time: Double, seconds: Double = 3600, shift: Double = 0) -> JSONObject {
    let (state, board, malformed, lead) = guarded.withLock {
      ($0.state, $0.board, $0.malformed, $0.lead)
    }
    let (time, shift) = (time + lead, shift - lead)
    var object = state.json(at: time, seconds: seconds, shift: shift)
    let burn = Self.burn(state, at: time)
    object["burn"] = [
      "hour": JSONValue(burn.long), "five_minutes": JSONValue(burn.short),
      "objective_ms": JSONValue(state.options.latencyObjective),
      "target": JSONValue(state.options.latencyTarget),
    ]
    object["alerts"] = [
      "active": .array(board.active.map { Self.json($0.shown(shift: shift)) }),
      "history": .array(board.history.prefix(50).map { Self.json($0.shown(shift: shift)) }),
    ]
    object["malformed_datagrams"] = JSONValue(malformed)
    object["store"] = store.map { JSONValue($0.state) } ?? "memory only"
    return object
  }

  private static func json(_ alert: Alert) -> JSONValue {
    func text(_ time: Double?) -> JSONValue {
      time.map { JSONValue(Date(timeIntervalSince1970: $0).formatted(.iso8601)) } ?? .null
    }
    return [
      "name": JSONValue(alert.name), "subject": JSONValue(alert.subject),
      "severity": JSONValue(alert.severity.rawValue), "since": text(alert.startedAt),
      "until": text(alert.endedAt), "reason": JSONValue(alert.reason),
      "ending": alert.ending.map { JSONValue($0) } ?? .null,
      "silenced": JSONValue(alert.isSilenced),
    ]
  }

}

/// The pool's counters and gauges at one moment.
public struct PoolReading: Sendable {
  /// Answers by the first digit of their status since the pool began, index 0 for 1xx.
  public var statuses: [Double] = []
  /// Events dropped since the pool began.
  public var dropped = 0.0
  /// Texts since the pool began for which what a model computed is not a finite number.
  public var notFinite = 0.0
  /// Seconds of processor time of the live workers.
  public var processorSeconds = 0.0
  /// When, in seconds since 1970.
  public var time = 0.0
  /// Bytes of memory (PSS).
  public var memory = 0.0
  /// Workers that serve.
  public var ready = 0
  /// Workers that should.
  public var wanted = 0
  /// Why the latest reload was refused; empty where it was not.
  public var refusal = ""

  /// Nothing yet.
  public init() {}

  /// What was added after `earlier`. Never below zero: a worker's death takes its seconds along.
  func since(_ earlier: PoolReading) -> PoolDelta {
    var delta = PoolDelta()
    guard earlier.time > 0 else { return delta }
    delta.statuses = zip(statuses, earlier.statuses).map { max(0, $0 - $1) }
    delta.dropped = max(0, dropped - earlier.dropped)
    let seconds = time - earlier.time
    if seconds > 0 {
      delta.processor = max(0, processorSeconds - earlier.processorSeconds) / seconds
    }
    delta.memory = memory
    return delta
  }
}

/// Somebody who is told of alerts. Must not block.
public protocol AlertNotifier: Sendable {
  /// An alert began, or ended where `endedAt` is set.
  func notify(_ alert: Alert)
}
