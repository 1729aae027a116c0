import Foundation
import JSON
import Logging
import Synchronization

/// Watches the pool's counters from the health process: looks every few seconds, warns once when something has drifted
/// and once when it is well again, and tells what it sees to `/metrics` and `/monitor`.
public final class HealthMonitor: Sendable {
  private let counters: HealthCounters
  private let labels: [String]
  private let drift: Mutex<DriftMonitor?>
  private let log: Logger

  /// - Parameter reference: without one, only counts and accuracy are shown.
  public init(
    counters: HealthCounters, labels: [String], reference: ReferenceProfile?,
    options: DriftMonitor.Options = DriftMonitor.Options(), log: Logger
  ) {
    self.counters = counters
    self.labels = labels
    drift = Mutex(reference.map { DriftMonitor(reference: $0, options: options) })
    self.log = log
  }

  /// Health events that workers sent, and dropped.
  public var eventCounts: (sent: Double, dropped: Double) { counters.eventCounts }

  /// Looks once.
  public func observe(at time: Double = Date().timeIntervalSince1970) {
    let snapshot = counters.snapshot(classCount: labels.count)
    let (events, count) = drift.withLock { drift in
      (drift?.observe(snapshot, at: time) ?? [], drift?.window?.count ?? 0)
    }
    for event in events {
      let reading = event.reading
      let figures = String(
        format: "PSI %.3f against a limit of %.3f over the last %.0f texts", reading.index ?? 0,
        reading.limit, count)
      if event.hasBegun {
        log.warning(
          "drift: \(reading.name) differs from the reference: \(figures), since \(Self.text(time)). Compare the distributions at /monitor; if this input is here to stay, retrain on it."
        )
      } else {
        log.notice("drift over: \(reading.name) is like the reference again: \(figures)")
      }
    }
  }

  /// The health part of `/monitor`.
  public var json: JSONValue {
    observe()
    let snapshot = counters.snapshot(classCount: labels.count)
    let (readings, window) = state
    let counted = snapshot.labelledAs.reduce(0, +)
    let right = snapshot.hits.reduce(0, +)
    let interval = Statistics.wilsonInterval(successes: right, count: counted)
    let verdict =
      readings.isEmpty
      ? "no reference"
      : readings.contains { $0.since != nil }
        ? "drift" : readings.contains { $0.index != nil } ? "stable" : "too few texts"
    return [
      "verdict": JSONValue(verdict), "texts": JSONValue(Int(snapshot.count)),
      "window": JSONValue(Int(window)),
      "features": .array(readings.map(Self.json)),
      "feedback": [
        "count": JSONValue(Int(counted)), "correct": JSONValue(Int(right)),
        "accuracy": counted > 0 ? JSONValue(right / counted) : .null,
        "accuracy_95_percent_interval": [JSONValue(interval.lower), JSONValue(interval.upper)],
        "macro_f1": counted > 0 ? JSONValue(macroF1(snapshot)) : .null,
      ],
    ]
  }

  /// The health part of `/metrics`, in Prometheus' text format 0.0.4.
  public var metrics: String {
    observe()
    let readings = state.0.filter { $0.index != nil }
    var text = ""
    func family(_ name: String, _ kind: String, _ help: String, _ samples: [(String, Double)]) {
      guard !samples.isEmpty else { return }
      text += "# HELP martlet_\(name) \(help)\n# TYPE martlet_\(name) \(kind)\n"
      for (labels, value) in samples { text += "martlet_\(name)\(labels) \(value)\n" }
    }
    func label(_ reading: DriftMonitor.Reading) -> String { "{feature=\"\(reading.name)\"}" }
    family(
      "drift_psi", "gauge", "Population stability index against the reference.",
      readings.map { (label($0), $0.index ?? 0) })
    family(
      "drift_psi_limit", "gauge", "What the index must pass to count as drift.",
      readings.map { (label($0), $0.limit) })
    family(
      "drift_alarm", "gauge", "1 while a feature has drifted.",
      readings.map { (label($0), $0.since == nil ? 0 : 1) })
    let told = counters.labelsTold
    family(
      "feedback_total", "counter", "True labels received, by whether the model had said the same.",
      [("{correct=\"true\"}", told.right), ("{correct=\"false\"}", told.wrong)])
    return text
  }

  private var state: ([DriftMonitor.Reading], Double) {
    drift.withLock { ($0?.readings ?? [], $0?.window?.count ?? 0) }
  }

  private func macroF1(_ snapshot: HealthSnapshot) -> Double {
    let scores = labels.indices.prefix(HealthCounters.classLimit).map { index in
      let both = snapshot.labelledAs[index] + snapshot.labelledPredictedAs[index]
      return both > 0 ? 2 * snapshot.hits[index] / both : 0
    }
    return scores.reduce(0, +) / Double(max(1, scores.count))
  }

  private static func json(_ reading: DriftMonitor.Reading) -> JSONValue {
    func shares(_ counts: [Double]) -> JSONValue {
      .array(Statistics.shares(of: counts).map { JSONValue($0) })
    }
    return [
      "name": JSONValue(reading.name),
      "verdict": JSONValue(
        reading.since != nil ? "drift" : reading.index == nil ? "too few texts" : "stable"),
      "psi": reading.index.map { JSONValue($0) } ?? .null, "limit": JSONValue(reading.limit),
      "since": reading.since.map { JSONValue(text($0)) } ?? .null,
      "bins": .array(reading.binNames.map { JSONValue($0) }),
      "reference": shares(reading.reference), "current": shares(reading.current),
    ]
  }

  private static func text(_ time: Double) -> String {
    Date(timeIntervalSince1970: time).formatted(.iso8601)
  }
}
