import CSystem
import Foundation
import HTTP
import Health
import Logging
import Prefork

/// The life of the health process, which watches the pool and answers the admin listener.
extension ServeProgram {
  /// What the hook of `--on-retrain` is told in its environment.
  private func retrainVariables(_ context: ChildContext, _ service: Service) -> [String: String] {
    func absolute(_ path: String) -> String {
      path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
    }
    var variables = ["RETRAIN_PID": "\(context.scoreboard.arbiter)"]
    // A binary that was replaced on disk has this behind its name (proc(5)).
    variables["RETRAIN_MARTLET"] =
      (try? FileManager.default.destinationOfSymbolicLink(
        atPath: "/proc/self/exe"))?.replacingOccurrences(of: " (deleted)", with: "")
    variables["RETRAIN_MODEL"] = (service.defaultModel?.specification.directory).map(absolute)
    variables["RETRAIN_ADMIN"] = context.listeners.first.flatMap {
      ListeningSocket.reachableAddress(of: $0)
    }
    return variables
  }

  /// Serves the admin pages until it is told to stop.
  public func runCompanion(_ context: ChildContext) -> Int32 {
    // Statistics may wait, predictions may not: not even where the pool was started with a real-time class does this process
    // interrupt a worker, and where workers want everything it has a tenth of a core, by the quality of service of its queues. Before there are threads to be told.
    martlet_become_batch_work()
    ErrorLog.useQueue()
    defer { ErrorLog.file.wait() }
    guard let service = try? service() else { return 70 }
    let labels = service.defaultModel?.model.labels ?? []
    let page = MetricsPage(
      scoreboard: scoreboard, counters: counters.pool, latencies: counters.latencies,
      labels: labels, health: counters.health,
      versions: VersionMetrics(
        counters: counters.versions, registry: service.registry, loaded: service.loaded),
      exchange: counters.exchange)
    let companion = HealthCompanion(
      page: page, labels: labels, others: service.otherClassifiers, reference: service.reference,
      settings: service.settings.monitoring, channel: channel, labelChannel: labelChannel,
      clock: clock, retrainVariables: retrainVariables(context, service))
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
      server.drain(deadline: 1, acceptingEnded: context.closeListeners) {
        companion.finish()
        done()
      }
    }
  }
}
