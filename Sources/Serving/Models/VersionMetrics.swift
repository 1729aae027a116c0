import Health
import Prefork
import Transformer

/// The part of `/metrics` that tells versions apart.
struct VersionMetrics: Sendable {
  let counters: VersionCounters
  let registry: VersionRegistry
  /// What the layers of the versions that are served are computed in, by their rows.
  let precisions: [Int: Precision]

  init(counters: VersionCounters, registry: VersionRegistry, loaded: [LoadedModel] = []) {
    (self.counters, self.registry) = (counters, registry)
    precisions = loaded.reduce(into: [:]) { $0[$1.counterIndex] = $1.model.precision }
  }

  /// Texts of all versions for which what the model computed is not a finite number.
  var notFiniteTexts: Double {
    registry.entries.indices.reduce(0) { $0 + Double(counters.notFinite($1)) }
  }

  private static let bounds = [
    250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100_000, 250_000, 500_000, 1_000_000,
    5_000_000,
  ]

  func add(to page: inout PrometheusText) {
    let rows = registry.entries.enumerated().map { (entry: $1, totals: counters.totals($0)) }
    func add(
      _ name: String, _ help: String,
      _ rows: [(entry: VersionRegistry.Entry, totals: VersionCounters.Totals)],
      _ value: KeyPath<VersionCounters.Totals, UInt64>
    ) {
      page.add(
        name, .counter, help,
        rows.map { PrometheusText.Sample(labels($0.entry), .integer($0.totals[keyPath: value])) })
    }
    page.add(
      "model_info", .gauge, "The versions that are served, and what their layers are computed in.",
      registry.entries.enumerated().compactMap { index, entry in
        precisions[index].map {
          PrometheusText.Sample(labels(entry) + [("precision", $0.rawValue)], .integer(1))
        }
      })
    add("model_requests_total", "Requests by model and version.", rows, \.requests)
    add("model_texts_total", "Texts predicted for.", rows, \.texts)
    add(
      "model_failures_total", "Requests for which the model failed or whose time passed.", rows,
      \.failures)
    add(
      "model_not_finite_texts_total",
      "Texts for which what the model computed is not a finite number; answered with 500.", rows,
      \.notFinite)
    let shadows = rows.filter { $0.entry.role == "shadow" }
    add(
      "shadow_compared_total",
      "Texts of which a shadow's answer was compared with the primary's.", shadows, \.compared)
    add("shadow_agreed_total", "Texts that a shadow answered like the primary.", shadows, \.agreed)
    add(
      "shadow_dropped_total", "Texts that a shadow was not asked about, for want of time.",
      shadows, \.dropped)
    page.add(
      "model_request_duration_seconds", .histogram,
      "Time from a request's first byte to its prediction.",
      rows.flatMap { $0.totals.latency.samples(labels($0.entry), microseconds: Self.bounds) })
  }

  private func labels(_ entry: VersionRegistry.Entry) -> [(name: String, value: String)] {
    [("model", entry.model), ("version", entry.version), ("role", entry.role)]
  }
}
