import Prefork

/// The part of `/metrics` that tells versions apart, in Prometheus' text format 0.0.4.
struct VersionMetrics: Sendable {
  let counters: VersionCounters
  let registry: VersionRegistry

  private static let bounds = [
    250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100_000, 250_000, 500_000, 1_000_000,
    5_000_000,
  ]

  var text: String {
    let rows = registry.entries.enumerated().map { (labels($1), counters.totals($0)) }
    var text = ""
    func family(
      _ name: String, _ help: String, _ values: [(String, UInt64)]
    ) {
      text += "# HELP martlet_\(name) \(help)\n# TYPE martlet_\(name) counter\n"
      for (labels, value) in values { text += "martlet_\(name){\(labels)} \(value)\n" }
    }
    family(
      "model_requests_total", "Requests by model and version.", rows.map { ($0, $1.requests) })
    family("model_texts_total", "Texts predicted for.", rows.map { ($0, $1.texts) })
    family(
      "model_failures_total", "Requests for which the model failed or whose time passed.",
      rows.map { ($0, $1.failures) })
    let shadows = zip(registry.entries, rows).filter { $0.0.role == "shadow" }.map(\.1)
    if !shadows.isEmpty {
      family(
        "shadow_compared_total",
        "Texts of which a shadow's answer was compared with the primary's.",
        shadows.map { ($0, $1.compared) })
      family(
        "shadow_agreed_total", "Texts that a shadow answered like the primary.",
        shadows.map { ($0, $1.agreed) })
      family(
        "shadow_dropped_total", "Texts that a shadow was not asked about, for want of time.",
        shadows.map { ($0, $1.dropped) })
    }
    let name = "martlet_model_request_duration_seconds"
    text += "# HELP \(name) Time from a request's first byte to its prediction.\n"
    text += "# TYPE \(name) histogram\n"
    for (labels, totals) in rows {
      for microseconds in Self.bounds {
        let count = totals.latency.count(atMost: UInt64(microseconds) * 1000)
        text += "\(name)_bucket{\(labels),le=\"\(Double(microseconds) / 1e6)\"} \(count)\n"
      }
      text += "\(name)_bucket{\(labels),le=\"+Inf\"} \(totals.latency.count)\n"
      text += "\(name)_sum{\(labels)} \(Double(totals.latency.sum) / 1e9)\n"
      text += "\(name)_count{\(labels)} \(totals.latency.count)\n"
    }
    return text
  }

  /// Neither names nor versions have characters that would have to be escaped.
  private func labels(_ entry: VersionRegistry.Entry) -> String {
    "model=\"\(entry.model)\",version=\"\(entry.version)\",role=\"\(entry.role)\""
  }
}
