import HTTP
import Health
import JSON
import Prefork

/// `/metrics` in Prometheus' text format 0.0.4 and the figures of `/monitor`, from shared memory alone.
struct MetricsPage: Sendable {
  let scoreboard: Scoreboard
  let counters: PoolCounters
  let latencies: LatencyCounters
  let labels: [String]
  let health: HealthMonitor
  let versions: VersionMetrics

  /// Health events that workers sent, and dropped.
  var eventCounts: (sent: Double, dropped: Double) { health.eventCounts }

  /// The text of `/metrics`.
  var text: String {
    var text = ""
    func family(_ name: String, _ kind: String, _ help: String, _ samples: [(String, String)]) {
      text += "# HELP martlet_\(name) \(help)\n# TYPE martlet_\(name) \(kind)\n"
      for (labels, value) in samples { text += "martlet_\(name)\(labels) \(value)\n" }
    }
    let statuses = counters.statusClasses
    family(
      "http_requests_total", "counter", "Answers by the first digit of their status.",
      (1...5).map { ("{status=\"\($0)xx\"}", "\(statuses[$0])") })
    family(
      "predictions_total", "counter", "Texts classified, by predicted label.",
      zip(labels, counters.classes(labels.count)).map {
        ("{label=\"\(Self.escaped($0))\"}", "\($1)")
      })
    family(
      "truncated_texts_total", "counter", "Texts longer than the model reads.",
      [("", "\(counters.truncated)")])
    let latency = counters.latencies
    text += "# HELP martlet_http_request_duration_seconds Time from first byte to answer.\n"
    text += "# TYPE martlet_http_request_duration_seconds histogram\n"
    for microseconds in [100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100_000, 1_000_000] {
      let count = latency.count(atMost: UInt64(microseconds) * 1000)
      let bound = Double(microseconds) / 1e6
      text += "martlet_http_request_duration_seconds_bucket{le=\"\(bound)\"} \(count)\n"
    }
    text += "martlet_http_request_duration_seconds_bucket{le=\"+Inf\"} \(latency.count)\n"
    text += "martlet_http_request_duration_seconds_sum \(Double(latency.sum) / 1e9)\n"
    text += "martlet_http_request_duration_seconds_count \(latency.count)\n"
    family("workers", "gauge", "Workers that serve now.", [("", "\(scoreboard.readyCount)")])
    family(
      "queue_depth", "gauge", "Texts that wait for the model, over all workers.",
      [("", "\(scoreboard.liveSlots.reduce(0) { $0 + $1.queueDepth })")])
    family(
      "worker_deaths_total", "counter", "Workers that died unasked.",
      [("", "\(scoreboard.crashes)")])
    family(
      "worker_timeouts_total", "counter", "Workers killed because they hung.",
      [("", "\(scoreboard.timeouts)")])
    family(
      "reloads_total", "counter", "Reloads by outcome.",
      [
        ("{outcome=\"done\"}", "\(scoreboard.reloads)"),
        ("{outcome=\"refused\"}", "\(scoreboard.failedReloads)"),
      ])
    text += latencies.metrics
    text += versions.text
    text += health.metrics
    return text
  }

  private static func escaped(_ label: String) -> String {
    label.map { $0 == "\\" ? "\\\\" : $0 == "\"" ? "\\\"" : $0 == "\n" ? "\\n" : String($0) }
      .joined()
  }

  /// The object of `/monitor`.
  var monitor: JSONValue {
    let latency = counters.latencies
    func milliseconds(_ quantile: Double) -> JSONValue {
      latency.quantile(quantile).map { JSONValue(Double($0) / 1e6) } ?? .null
    }
    var classes = JSONObject()
    for (label, count) in zip(labels, counters.classes(labels.count)) {
      classes[label] = JSONValue(Int(count))
    }
    let (routes, stages) = latencies.json
    func counts(_ values: [UInt64]) -> JSONValue { .array(values.map { JSONValue(Int($0)) }) }
    return [
      "predictions": JSONValue(Int(counters.predictions)), "classes": .object(classes),
      "truncated": JSONValue(Int(counters.truncated)),
      "confidence": counts(counters.confidence), "lengths": counts(counters.lengths),
      "unknown_shares": counts(counters.unknownShares),
      "health": health.json,
      "latency_ms": [
        "p50": milliseconds(0.5), "p90": milliseconds(0.9), "p99": milliseconds(0.99),
        "p99.9": milliseconds(0.999),
      ],
      "routes": routes, "stages": stages,
      "workers": .array(
        scoreboard.liveSlots.map { slot in
          [
            "slot": JSONValue(slot.index), "pid": JSONValue(Int(slot.processIdentifier)),
            "state": .string("\(slot.state)"), "requests": JSONValue(Int(slot.requests)),
            "queue_depth": JSONValue(Int(slot.queueDepth)),
          ]
        }),
    ]
  }
}
