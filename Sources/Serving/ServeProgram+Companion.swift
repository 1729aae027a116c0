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
    let companion = HealthCompanion(
      page: page, labels: labels, others: service.otherClassifiers, reference: service.reference,
      settings: service.settings.monitoring, channel: channel, labelChannel: labelChannel)
    let server: AdminServer
    do {
      server = try AdminServer(
        listeners: context.listeners, token: service.settings.adminToken,
        pages: companion.pages)
    } catch {
      Logger(label: "martlet.health").error("\(error.localizedDescription)")
      return 71
    }
    companion.start()
    server.start()
    return live(context, nil) { done in
      server.drain(deadline: 1) {
        companion.finish()
        done()
      }
    }
  }
}
