import Dispatch
import HTTP
import Health
import Logging
import Prefork

/// The life of the companion, which watches the pool and answers the admin listener.
extension ServeProgram {
  /// Serves the admin pages until it is told to stop.
  public func runCompanion(_ context: ChildContext) -> Int32 {
    ErrorLog.useQueue()
    defer { ErrorLog.file.wait() }
    guard let service = try? service() else { return 70 }
    let labels = service.defaultModel?.model.labels ?? []
    let monitor = HealthMonitor(
      counters: counters.health, labels: labels, reference: service.reference,
      log: Logger(label: "martlet.health"))
    let page = MetricsPage(
      scoreboard: scoreboard, counters: counters.pool, labels: labels, health: monitor,
      versions: VersionMetrics(counters: counters.versions, registry: service.registry))
    let timer = DispatchSource.makeTimerSource(
      queue: DispatchQueue(label: "martlet.health"))
    timer.schedule(deadline: .now() + 2, repeating: 2)
    // The handler keeps its own source: released, a source falls silent.
    timer.setEventHandler { withExtendedLifetime(timer) { monitor.observe() } }
    timer.resume()
    let server: AdminServer
    do {
      server = try AdminServer(
        listeners: context.listeners, token: service.settings.adminToken,
        pages: [
          "/metrics": { _ in
            var response = Response.text(.ok, page.text)
            response.contentType = "text/plain; version=0.0.4; charset=utf-8"
            return response
          },
          "/monitor": { _ in Response.json(.ok, page.monitor.serializedBytes(pretty: true)) },
        ])
    } catch {
      Logger(label: "martlet.health").error("\(error.localizedDescription)")
      return 71
    }
    server.start()
    return live(context, nil) { done in server.drain(deadline: 1, completion: done) }
  }
}
