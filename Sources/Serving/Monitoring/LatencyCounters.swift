import HTTP
import Health
import JSON
import Prefork

/// How long requests take by route, and the parts of it, in shared memory: a histogram of each for each worker slot.
public struct LatencyCounters: Sendable {
  /// The parts of a prediction's time.
  public enum Stage: Int, CaseIterable, Sendable {
    /// From the request's first byte until its first slice begins.
    case queue
    /// Cutting texts into tokens, in the batches that it was in.
    case tokenise
    /// The rest of these batches: the model itself.
    case forward
    /// From the answer's making on the compute queue until the I/O queue has written its bytes, before they are sent.
    case write

    var name: String { String(describing: self) }
  }

  /// Routes told apart, by protocol; what is of a single model is with its protocol.
  public enum Route: Int, CaseIterable, Sendable {
    case predict, openInference, tensorFlow, openAI, textEmbeddings, feedback, other

    var name: String {
      switch self {
      case .predict: "/predict"
      case .openInference: "/v2"
      case .tensorFlow: "/v1/models"
      case .openAI: "/v1/embeddings"
      case .textEmbeddings: "/embed"
      case .feedback: "/feedback"
      case .other: "other"
      }
    }

    /// The route of a path that is served; nil for one that is not.
    init(_ path: String?) {
      guard let path else {
        self = .other
        return
      }
      switch path {
      case "/predict": self = .predict
      case "/feedback": self = .feedback
      case "/v1/embeddings": self = .openAI
      case "/embed", "/rerank": self = .textEmbeddings
      default:
        self =
          path.hasPrefix("/v2")
          ? .openInference
          : path.hasPrefix("/v1/models")
            ? .tensorFlow
            : path.hasSuffix("/predict") ? .predict : .other
      }
    }
  }

  /// Quantiles that are shown.
  static let quantiles = [0.5, 0.9, 0.99, 0.999]
  private static let count = Stage.allCases.count + Route.allCases.count
  private let tables: [SharedHistogramTable]

  /// Carves the histograms of `slots` workers.
  /// - Throws: `PreforkError`.
  public init(in memory: SharedMemory, slots: Int) throws(PreforkError) {
    var tables: [SharedHistogramTable] = []
    for _ in 0..<Self.count { tables.append(try SharedHistogramTable(in: memory, slots: slots)) }
    self.tables = tables
  }

  /// The bytes taken for `slots` workers.
  public static func byteCount(slots: Int) -> Int {
    count * SharedHistogramTable.byteCount(slots: slots)
  }

  /// One worker's way to count.
  public struct Recorder: Sendable {
    fileprivate let histograms: [SharedHistogram]

    /// Counts one request's answer.
    public func record(_ route: Route, nanoseconds: Int64) {
      histograms[Stage.allCases.count + route.rawValue].record(
        nanoseconds: UInt64(max(0, nanoseconds)))
    }

    /// Counts one request's part.
    public func record(_ stage: Stage, nanoseconds: Int64) {
      histograms[stage.rawValue].record(nanoseconds: UInt64(max(0, nanoseconds)))
    }
  }

  /// The recorder of the worker in `slot`.
  public func recorder(_ slot: Int) -> Recorder { Recorder(histograms: tables.map { $0[slot] }) }

  private func snapshot(_ stage: Stage) -> HistogramSnapshot { tables[stage.rawValue].total() }
  private func snapshot(_ route: Route) -> HistogramSnapshot {
    tables[Stage.allCases.count + route.rawValue].total()
  }

  // MARK: - What is shown

  /// The objects `routes` and `stages` of `/monitor.json`, in milliseconds; what was never asked for is left out.
  var json: (routes: JSONValue, stages: JSONValue) {
    func object(_ items: [(String, HistogramSnapshot)]) -> JSONValue {
      var object = JSONObject()
      for (name, snapshot) in items where snapshot.count > 0 {
        func at(_ quantile: Double) -> JSONValue {
          snapshot.quantile(quantile).map { JSONValue(Double($0) / 1e6) } ?? .null
        }
        object[name] = [
          "count": JSONValue(Int(snapshot.count)), "p50": at(0.5), "p90": at(0.9), "p99": at(0.99),
          "p99.9": at(0.999),
        ]
      }
      return .object(object)
    }
    return (
      object(Route.allCases.map { ($0.name, snapshot($0)) }),
      object(Stage.allCases.map { ($0.name, snapshot($0)) })
    )
  }

  /// Nanoseconds from a request's first byte to its first slice, in the worker of a slot.
  func queueing(_ slot: Int) -> HistogramSnapshot { tables[Stage.queue.rawValue][slot].snapshot() }

  /// Adds summaries by route, by stage, and of the time until the first slice by worker to `/metrics`.
  func add(to page: inout PrometheusText, slots: [Int]) {
    page.add(
      "route_duration_seconds", .summary, "Time from first byte to answer, by route.",
      Self.samples("route", Route.allCases.map { ($0.name, snapshot($0)) }))
    page.add(
      "stage_duration_seconds", .summary, "Parts of a prediction's time.",
      Self.samples("stage", Stage.allCases.map { ($0.name, snapshot($0)) }))
    page.add(
      "worker_first_slice_seconds", .summary,
      "Time from a request's first byte until its first slice began, by worker.",
      Self.samples("worker", slots.map { ("\($0)", queueing($0)) }))
  }

  private static func samples(
    _ label: String, _ items: [(String, HistogramSnapshot)]
  ) -> [PrometheusText.Sample] {
    items.filter { $0.1.count > 0 }.flatMap { value, snapshot in
      quantiles.map { quantile in
        PrometheusText.Sample(
          [(label, value), ("quantile", "\(quantile)")],
          .number(Double(snapshot.quantile(quantile) ?? 0) / 1e9))
      } + [
        PrometheusText.Sample(
          [(label, value)], .number(Double(snapshot.sum) / 1e9), suffix: "_sum"),
        PrometheusText.Sample(
          [(label, value)], .integer(UInt64(snapshot.count)), suffix: "_count"),
      ]
    }
  }
}
