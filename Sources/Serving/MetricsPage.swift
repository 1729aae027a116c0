import HTTP
import Health
import JSON
import Prefork

/// The figures of `/metrics` and `/monitor` that come from shared memory.
struct MetricsPage: Sendable {
  let scoreboard: Scoreboard
  let counters: PoolCounters
  let latencies: LatencyCounters
  let labels: [String]
  let health: HealthCounters
  let versions: VersionMetrics
  let exchange: SliceExchange

  /// Health events that workers sent, and dropped.
  var eventCounts: (sent: Double, dropped: Double) { health.eventCounts }

  /// Adds what shared memory has to `/metrics`.
  func add(to page: inout PrometheusText) {
    let statuses = counters.statusClasses
    page.add(
      "http_requests_total", .counter, "Answers by the first digit of their status.",
      (1...5).map { PrometheusText.Sample(["status": "\($0)xx"], .integer(statuses[$0])) })
    page.add(
      "predictions_total", .counter, "Texts classified, by predicted label.",
      zip(labels, counters.classes(labels.count)).map {
        PrometheusText.Sample(["label": $0], .integer($1))
      })
    page.add(
      "truncated_texts_total", .counter, "Texts longer than the model reads.",
      .integer(counters.truncated))
    page.add(
      "http_request_duration_seconds", .histogram, "Time from first byte to answer.",
      counters.latencies.samples(
        microseconds: [
          100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100_000, 1_000_000,
        ]))
    page.add("workers", .gauge, "Workers that serve now.", .integer(UInt64(scoreboard.readyCount)))
    page.add(
      "queue_depth", .gauge, "Texts that wait for the model, over all workers.",
      .integer(scoreboard.liveSlots.reduce(0) { $0 + $1.queueDepth }))
    page.add(
      "worker_deaths_total", .counter, "Workers that died unasked.",
      .integer(UInt64(scoreboard.crashes)))
    page.add(
      "worker_timeouts_total", .counter, "Workers killed because they hung.",
      .integer(UInt64(scoreboard.timeouts)))
    page.add(
      "reloads_total", .counter, "Reloads by outcome.",
      [
        PrometheusText.Sample(["outcome": "done"], .integer(UInt64(scoreboard.reloads))),
        PrometheusText.Sample(["outcome": "refused"], .integer(UInt64(scoreboard.failedReloads))),
      ])
    page.add(
      "last_reload_successful", .gauge, "0 while the latest reload is one that was refused.",
      .integer(scoreboard.refusal.isEmpty ? 1 : 0))
    page.add(
      "worker_queue_depth", .gauge, "Texts that wait for the model, by worker.",
      scoreboard.liveSlots.map {
        PrometheusText.Sample([("worker", "\($0.index)")], .integer($0.queueDepth))
      })
    latencies.add(to: &page, slots: scoreboard.liveSlots.map(\.index))
    addSlices(to: &page)
    versions.add(to: &page)
  }

  /// Milliseconds within which 99 % of the requests of a worker came to their first slice.
  func firstSlice(_ slot: Int) -> JSONValue {
    latencies.queueing(slot).quantile(0.99).map { JSONValue(Double($0) / 1e6) } ?? .null
  }

  /// What each worker slot has offered, given and taken since the start of the pool.
  private func addSlices(to page: inout PrometheusText) {
    let events = SliceExchange.SliceCount.allCases
    page.add(
      "slices_total", .counter,
      "Slices of requests that workers passed to one another, by worker and by what became of them.",
      (0..<exchange.workerCount).filter { scoreboard[$0].startedAt != 0 }.flatMap { worker in
        events.map {
          PrometheusText.Sample(
            ["worker": "\(worker)", "event": "\($0)"], .integer(exchange.count($0, worker: worker))
          )
        }
      })
  }

  /// The same of one worker.
  func slices(_ worker: Int) -> JSONValue {
    var object = JSONObject()
    for event in SliceExchange.SliceCount.allCases {
      object["\(event)"] = JSONValue(Int(exchange.count(event, worker: worker)))
    }
    return .object(object)
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
      "latency_ms": [
        "p50": milliseconds(0.5), "p90": milliseconds(0.9), "p99": milliseconds(0.99),
        "p99.9": milliseconds(0.999),
      ],
      "routes": routes, "stages": stages,
      "reloads": [
        "done": JSONValue(Int(scoreboard.reloads)),
        "refused": JSONValue(Int(scoreboard.failedReloads)),
        "refusal": scoreboard.refusal.isEmpty ? .null : JSONValue(scoreboard.refusal),
      ],
      "workers": .array(
        scoreboard.liveSlots.map { slot in
          [
            "slot": JSONValue(slot.index), "pid": JSONValue(Int(slot.processIdentifier)),
            "state": .string("\(slot.state)"), "requests": JSONValue(Int(slot.requests)),
            "queue_depth": JSONValue(Int(slot.queueDepth)),
            "first_slice_p99_ms": firstSlice(slot.index),
            "slices": slices(slot.index),
          ]
        }),
    ]
  }
}

extension HistogramSnapshot {
  /// The series of a histogram in seconds.
  func samples(
    _ labels: [(name: String, value: String)] = [], microseconds bounds: [Int]
  ) -> [PrometheusText.Sample] {
    bounds.map { bound in
      PrometheusText.Sample(
        labels + [("le", "\(Double(bound) / 1e6)")],
        .integer(UInt64(count(atMost: UInt64(bound) * 1000))), suffix: "_bucket")
    } + [
      PrometheusText.Sample(labels + [("le", "+Inf")], .integer(UInt64(count)), suffix: "_bucket"),
      PrometheusText.Sample(labels, .number(Double(sum) / 1e9), suffix: "_sum"),
      PrometheusText.Sample(labels, .integer(UInt64(count)), suffix: "_count"),
    ]
  }
}
