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
  }

  private let guarded: Mutex<Guarded>
  private let store: HistoryWriter?
  private let notifiers: [any AlertNotifier]
  private let log: Logger

  /// - Parameters:
  ///   - store: where history is kept; nil keeps it in memory alone.
  ///   - notifiers: who is told of alerts, besides the log.
  public init(
    labels: [String], reference: ReferenceProfile?, options: HealthOptions,
    store: HistoryWriter? = nil, notifiers: [any AlertNotifier] = [], log: Logger
  ) {
    guarded = Mutex(
      Guarded(state: HealthState(labels: labels, reference: reference, options: options)))
    (self.store, self.notifiers, self.log) = (store, notifiers, log)
  }

  /// Puts in the history that the store has.
  public func restore(at time: Double) {
    guard let store else { return }
    let earlier = store.earlier(since: Int64(time) - Int64(HealthState.memoryMinutes) * 60)
    guarded.withLock {
      $0.state.restore(earlier.minutes)
      $0.board.restore(earlier.alerts, at: time)
    }
  }

  /// Takes in the bytes of one datagram.
  public func receive(_ bytes: ArraySlice<UInt8>) {
    let (events, isWhole) = HealthEvent.parse(bytes)
    guarded.withLock { guarded in
      if !isWhole { guarded.malformed += 1 }
      for event in events {
        switch event {
        case .prediction(let record): guarded.state.add(record)
        case .label(let label):
          guarded.state.add(label) { store?.prediction(requestHash: $0) }
        }
      }
    }
    store?.append(events)
  }

  /// Looks once: finishes minutes, compares, raises and ends alerts.
  public func tick(_ reading: PoolReading, at time: Double) {
    let (changes, minutes) = guarded.withLock { guarded -> ([Alert], [Minute]) in
      let delta = reading.since(guarded.reading)
      guarded.reading = reading
      guarded.state.add(delta, at: time)
      guarded.state.analyse(at: time)
      let signals = AlertRules.signals(
        guarded.state, burn: Self.burn(guarded.state, at: time),
        dropped: Self.dropped(guarded.state), workers: (reading.ready, reading.wanted))
      let changes = guarded.board.observe(signals, at: time)
      return (changes, guarded.state.takeFinishedMinutes(at: time))
    }
    store?.append(minutes: minutes, alerts: changes)
    for alert in changes where !alert.isSilenced { tell(alert) }
  }

  /// Writes what is not yet in the store, for an orderly end.
  public func finish(at time: Double) {
    let minutes = guarded.withLock { $0.state.takeFinishedMinutes(at: time, all: true) }
    store?.append(minutes: minutes, alerts: [])
    store?.close()
  }

  private func tell(_ alert: Alert) {
    let subject = alert.subject.isEmpty ? "" : " (\(alert.subject))"
    if alert.endedAt == nil {
      log.warning(
        "alert \(alert.name)\(subject) begins: \(alert.reason). See /monitor on the admin listener.",
        metadata: ["severity": "\(alert.severity.rawValue)"])
    } else {
      log.notice("alert \(alert.name)\(subject) is over: \(alert.reason)")
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

  // MARK: - What is shown

  /// Silences a rule.
  public func silence(_ name: String, until time: Double) {
    guarded.withLock { $0.board.silence(name, until: time) }
  }

  /// The object of `/monitor.json`.
  public func json(at time: Double, seconds: Double = 3600) -> JSONObject {
    let (state, board, malformed) = guarded.withLock { ($0.state, $0.board, $0.malformed) }
    var object = state.json(at: time, seconds: seconds)
    let burn = Self.burn(state, at: time)
    object["burn"] = [
      "hour": JSONValue(burn.long), "five_minutes": JSONValue(burn.short),
      "objective_ms": JSONValue(state.options.latencyObjective),
      "target": JSONValue(state.options.latencyTarget),
    ]
    object["alerts"] = [
      "active": .array(board.active.map(Self.json)),
      "history": .array(board.history.prefix(50).map(Self.json)),
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
      "silenced": JSONValue(alert.isSilenced),
    ]
  }

  /// Figures for Prometheus, in its text format 0.0.4.
  public func metrics(at time: Double) -> String {
    let (state, board) = guarded.withLock { ($0.state, $0.board) }
    var text = ""
    func family(_ name: String, _ kind: String, _ help: String, _ samples: [(String, Double)]) {
      guard !samples.isEmpty else { return }
      text += "# HELP martlet_\(name) \(help)\n# TYPE martlet_\(name) \(kind)\n"
      for (labels, value) in samples { text += "martlet_\(name)\(labels) \(value)\n" }
    }
    let action = state.verdict.action
    family(
      "verdict", "gauge", "1 for what is to be done with the model.",
      Verdict.Action.allCases.map { ("{action=\"\($0.rawValue)\"}", $0 == action ? 1 : 0) })
    if let finding = state.finding {
      family(
        "drift_log_evidence", "gauge", "log of the wealth of the best bet against the reference.",
        [("", finding.logEvidence)])
      family(
        "drift_log_threshold", "gauge", "What the log evidence must reach to be an alarm.",
        [("", finding.logThreshold)])
    }
    family(
      "drifted", "gauge", "1 for what differs from the reference beyond chance.",
      (state.analysis?.comparisons ?? []).map {
        (
          "{feature=\"\($0.name.replacingOccurrences(of: "\"", with: ""))\"}",
          state.drifted[$0.name] == nil ? 0 : 1
        )
      })
    let (failures, count) = state.quality
    family(
      "quality_rate", "gauge", "Share of the window's texts that fail a check.",
      QualityCheck.allCases.map {
        ("{check=\"\($0.name)\"}", count > 0 ? failures[$0.rawValue] / count : 0)
      })
    if let estimate = state.estimatedAccuracy {
      family(
        "estimated_accuracy", "gauge", "Accuracy of the window as calibrated confidences have it.",
        [("", estimate.value)])
    }
    if let performance = state.performance {
      family(
        "accuracy", "gauge", "Share of the latest labelled predictions that was right.",
        [("", performance.accuracy)])
    }
    let burn = Self.burn(state, at: time)
    family(
      "latency_budget_burn", "gauge", "How many times too fast slow and failed requests come.",
      [("{window=\"1h\"}", burn.long), ("{window=\"5m\"}", burn.short)])
    family("alerts_active", "gauge", "Alerts that last.", [("", Double(board.active.count))])
    return text
  }
}

/// The pool's counters and gauges at one moment.
public struct PoolReading: Sendable {
  /// Answers by the first digit of their status since the pool began, index 0 for 1xx.
  public var statuses: [Double] = []
  /// Events dropped since the pool began.
  public var dropped = 0.0
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

/// Keeps history somewhere that outlives the process. No call may block for long or throw: what cannot be written is dropped
/// and said once.
public protocol HistoryWriter: Sendable {
  /// What it does now, in a few words.
  var state: String { get }
  /// Minutes since a time, and alerts.
  func earlier(since start: Int64) -> (minutes: [Minute], alerts: [Alert])
  /// A prediction that is no longer in memory.
  func prediction(requestHash: UInt64) -> LabelledPrediction?
  /// Takes in events.
  func append(_ events: [HealthEvent])
  /// Takes in minutes that are over, and alerts that began or ended.
  func append(minutes: [Minute], alerts: [Alert])
  /// Writes what waits, and ends.
  func close()
}
