import Dispatch
import Foundation
import HTTP
import Health
import JSON
import Logging

/// The health process: drains the workers' events, looks once a second, and shows what it knows.
final class HealthCompanion: @unchecked Sendable {
  // The source and the timer are touched by `start` and `finish` alone, the others on `queue`.
  private let page: MetricsPage
  private let engine: HealthEngine
  private let channel: EventChannel?
  private let labelChannel: LabelChannel?
  private let retraining: RetrainHook?
  private let labels: [String]
  private let queue = DispatchQueue(label: "martlet.health", qos: .background)
  /// What may wait for the store.
  private let storeQueue = DispatchQueue(label: "martlet.health.store", qos: .background)
  private var late: [LateLabel] = []
  private var labelSources: [any DispatchSourceRead] = []
  private var source: (any DispatchSourceRead)?
  private var timer: (any DispatchSourceTimer)?
  private var buffer = [UInt8](repeating: 0, count: 64 << 10)
  private var looks = 0
  private var memory = 0.0
  private let clock: HealthClock
  private let startedAt = Date().timeIntervalSince1970

  init(
    page: MetricsPage, labels: [String], others: [(name: String, labels: [String])],
    reference: ReferenceProfile?, settings: MonitoringSettings, channel: EventChannel?,
    labelChannel: LabelChannel?, clock: HealthClock, retrainVariables: [String: String] = [:]
  ) {
    self.page = page
    self.channel = channel
    self.labelChannel = labelChannel
    self.labels = labels
    self.clock = clock
    let log = Logger(label: "martlet.health")
    retraining = settings.retraining.map {
      RetrainHook(
        options: $0, variables: retrainVariables, log: Logger(label: "martlet.retrain"))
    }
    var notifiers: [any AlertNotifier] = []
    if let url = settings.webhook {
      notifiers.append(WebhookNotifier(url: url, secret: settings.webhookSecret, log: log))
    }
    if let url = settings.alertmanager {
      notifiers.append(AlertmanagerNotifier(url: url, log: log))
    }
    engine = HealthEngine(
      labels: labels, reference: reference, options: settings.health,
      others: others, store: settings.makeHistory?(), notifiers: notifiers, log: log)
  }

  func start() {
    // Events wait in the kernel until history is in its place, but not for a store that does not come.
    let restored = DispatchSemaphore(value: 0)
    storeQueue.async { [engine, clock] in
      let isDone = engine.restore(at: clock.now)
      restored.signal()
      if !isDone { self.restoreLater() }
    }
    queue.async { _ = restored.wait(timeout: .now() + 3) }
    if let retraining {
      queue.async { [engine] in engine.restore(labelledTexts: retraining.kept) }
    }
    if let channel {
      let source = DispatchSource.makeReadSource(
        fileDescriptor: channel.receiving, queue: queue)
      source.setEventHandler { [weak self] in self?.drain() }
      source.activate()
      self.source = source
    }
    serveLabels()
    engine.begin(reading)
    let timer = DispatchSource.makeTimerSource(queue: queue)
    timer.schedule(deadline: .now() + 1, repeating: 1)
    timer.setEventHandler { [weak self] in
      guard let self else { return }
      engine.tick(reading, at: clock.now, shift: clock.shift)
      settle()
      retrain()
    }
    timer.activate()
    self.timer = timer
  }

  /// At most a few hundred datagrams, so that the timer has its turn.
  private func drain() {
    guard let channel else { return }
    for _ in 0..<256 {
      guard let bytes = channel.receive(into: &buffer) else { return }
      let late = engine.receive(bytes)
      if !late.isEmpty { self.late += late }
    }
  }

  /// Labels may be here before their predictions, which another worker sends; so they wait for the next look.
  private func settle() {
    guard !late.isEmpty else { return }
    storeQueue.async { [engine, late] in engine.settle(late) }
    late = []
  }

  /// A store that could not be read at the start is asked again.
  private func restoreLater() {
    storeQueue.asyncAfter(deadline: .now() + 10) { [weak self] in
      guard let self, !engine.restore(at: clock.now) else { return }
      restoreLater()
    }
  }

  /// Answers workers about labels whose predictions they do not remember.
  private func serveLabels() {
    guard let labelChannel else { return }
    labelSources = (0..<labelChannel.slotCount).map { slot in
      let socket = labelChannel.companion(slot)
      let source = DispatchSource.makeReadSource(
        fileDescriptor: socket.descriptor, queue: storeQueue)
      source.setEventHandler { [engine, clock] in
        while let bytes = socket.receive() {
          guard let inquiry = LabelInquiry(bytes) else { continue }
          _ = socket.send(engine.answer(inquiry, at: clock.now).bytes)
        }
      }
      source.activate()
      return source
    }
  }

  private func retrain() {
    guard let retraining else { return }
    let texts = engine.labelledTexts
    let look = RetrainHook.Look(
      verdict: engine.verdict, labels: texts?.total,
      evidence: { [engine, clock] in
        .object(engine.json(at: clock.now, shift: clock.shift))
      },
      fresh: { [labels] in texts?.tsv(labels: labels) ?? "" })
    retraining.tick(look, at: clock.now)
  }

  func finish() {
    queue.sync {
      drain()
      settle()
      if let retraining, let texts = engine.labelledTexts {
        retraining.keep(texts.tsv(labels: labels))
      }
    }
    storeQueue.sync { engine.finish(at: clock.now) }
  }

  private var reading: PoolReading {
    var reading = PoolReading()
    reading.time = clock.now
    reading.statuses = page.counters.statusClasses.dropFirst().map { Double($0) }
    reading.dropped = page.eventCounts.dropped
    reading.notFinite = page.versions.notFiniteTexts
    // Memory changes slowly, and reading it holds up the workers.
    let measuresMemory = looks % 15 == 0
    looks += 1
    let processes = page.scoreboard.liveSlots.compactMap {
      ProcessReading($0.processIdentifier, measuresSharing: measuresMemory)
    }
    reading.processorSeconds = processes.reduce(0) { $0 + $1.processorSeconds }
    if measuresMemory { memory = processes.reduce(0) { $0 + $1.proportionalBytes } }
    reading.memory = memory
    reading.ready = page.scoreboard.readyCount
    reading.refusal = page.scoreboard.refusal
    reading.wanted = page.scoreboard.workersWanted
    return reading
  }

  // MARK: - Pages

  private func metrics() -> Response {
    var text = PrometheusText()
    page.add(to: &text)
    // Tells a hook that promotes a model whose health process it asks: the old one's answers until the new one's runs.
    text.add(
      "health_start_timestamp_seconds", .gauge,
      "When the health process that answers began, after the start or a reload.",
      .number(startedAt))
    engine.addMetrics(to: &text, at: clock.now)
    retraining?.addMetrics(to: &text, shift: clock.shift)
    var response = Response.text(.ok, text.text)
    response.contentType = "text/plain; version=0.0.4; charset=utf-8"
    return response
  }

  var pages: [String: AdminServer.Page] {
    [
      "/metrics": { [self] _ in metrics() },
      "/monitor": { [self] request in
        // A browser asks for HTML by name; curl and scripts take anything.
        if request.field("accept")?.contains("text/html") ?? false {
          var response = Response.page(.monitor, ["given": "null"])
          response.fields.append(("Vary", "Accept"))
          return response
        }
        return json(request)
      },
      "/monitor.json": { [self] in json($0) },
      "/monitor/silence": { [self] in silence($0) },
    ]
  }

  private func json(_ request: Request) -> Response {
    let seconds = request.queryParameter("range").flatMap { Double($0) } ?? 3600
    var object = engine.json(
      at: clock.now, seconds: min(max(seconds, 300), 604_800), shift: clock.shift)
    object["pool"] = page.monitor
    object["workers"] = workers
    object["machine"] = machine
    object["retraining"] = retraining?.json(shift: clock.shift) ?? .null
    var response = Response.json(.ok, JSONValue.object(object).serializedBytes(pretty: true))
    response.fields.append(("Cache-Control", "no-store"))
    return response
  }

  private var workers: JSONValue {
    .array(
      page.scoreboard.liveSlots.map { slot in
        let process = ProcessReading(slot.processIdentifier)
        func number(_ value: Double?) -> JSONValue { value.map { JSONValue($0) } ?? .null }
        return [
          "slot": JSONValue(slot.index), "pid": JSONValue(Int(slot.processIdentifier)),
          "state": .string("\(slot.state)"), "requests": JSONValue(Int(slot.requests)),
          "connections": JSONValue(Int(slot.connections)),
          "queue_depth": JSONValue(Int(slot.queueDepth)),
          "first_slice_p99_ms": page.firstSlice(slot.index), "slices": page.slices(slot.index),
          "cpu_seconds": number(process?.processorSeconds),
          "rss_bytes": number(process?.residentBytes),
          "pss_bytes": number(process?.proportionalBytes),
          "threads": JSONValue(process?.threads ?? 0),
          "files": JSONValue(process?.descriptors ?? 0),
          "switches": [
            JSONValue(process?.switches.voluntary ?? 0), JSONValue(process?.switches.forced ?? 0),
          ],
        ]
      })
  }

  private var machine: JSONValue {
    let load =
      (try? String(contentsOfFile: "/proc/loadavg", encoding: .utf8))?
      .split(separator: " ").first.flatMap { Double($0) }
    let disk =
      (try? FileManager.default.attributesOfFileSystem(forPath: "."))?[.systemFreeSize] as? NSNumber
    return [
      "load": load.map { JSONValue($0) } ?? .null,
      "disk_free_bytes": disk.map { JSONValue($0.doubleValue) } ?? .null,
      "events_sent": JSONValue(page.eventCounts.sent),
      "events_dropped": JSONValue(page.eventCounts.dropped),
    ]
  }

  private func silence(_ request: Request) -> Response {
    guard let name = request.queryParameter("alert"), !name.isEmpty, name.utf8.count < 100,
      let minutes = request.queryParameter("minutes").flatMap({ Double($0) }),
      (0...10_080).contains(minutes)
    else {
      return Problem(
        status: .badRequest, detail: "The alert's name or the minutes are missing.",
        mend: "Ask for /monitor/silence?alert=InputDrift&minutes=60."
      ).response(requestID: request.id)
    }
    engine.silence(name, until: clock.now + minutes * 60)
    return .text(.ok, "\(name) is silent for \(Int(minutes)) minutes\n")
  }
}
