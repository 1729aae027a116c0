import Dispatch
import HTTP
import JSON
import Logging
import Transformer

/// The public listener of one worker: `/predict` and its siblings on an I/O and a compute queue.
public final class PredictionServer: @unchecked Sendable {
  private let server: HTTPServer
  private let compute: ComputeQueue
  private let hooks: ServingHooks
  private let accessLog: AccessLog?
  private let routes: Set<String>

  /// A server that does nothing until `start`.
  /// - Parameters:
  ///   - listeners: listening sockets; they stay their owner's to close.
  ///   - predictor: used from the compute queue alone from here on.
  ///   - accessLog: where each request leaves a line; nil for none.
  /// - Throws: `HTTPError` if the kernel has no descriptors left.
  public init(
    listeners: [Int32], predictor: any Predictor, options: ServingOptions = ServingOptions(),
    hooks: ServingHooks = ServingHooks(), accessLog: AccessLog? = nil
  ) throws {
    let compute = ComputeQueue(predictor: predictor, options: options, hooks: hooks)
    let description = ModelDescription(
      name: predictor.name, task: predictor.task, labels: predictor.labels,
      maximumTokens: predictor.maximumTokens)
    let api = PredictionAPI(
      model: description, compute: compute, options: options, hooks: hooks)
    let router = try api.router()
    self.compute = compute
    self.hooks = hooks
    self.accessLog = accessLog
    routes = PredictionAPI.paths
    server = try HTTPServer(listeners: listeners, configuration: options.http) {
      router.handle($0, $1)
    }
  }

  /// Begins to serve.
  public func start() {
    server.observer = { [hooks, accessLog, routes] exchange in
      accessLog?.append(exchange)
      guard let recorder = hooks.recorder else { return }
      let path = exchange.request?.path
      recorder.record(
        route: path.flatMap { routes.contains($0) ? $0 : nil }, status: exchange.status.code,
        nanoseconds: exchange.duration, byteCount: exchange.byteCount)
    }
    server.onTick = { [compute, hooks, accessLog] in
      compute.expire()
      hooks.recorder?.record(queueDepth: compute.depth)
      hooks.heartbeat(compute.secondsInBatch)
      accessLog?.flush()
    }
    server.onConnectionCount = hooks.connectionCount
    server.defersAccept = hooks.defersAccept
    server.start()
  }

  /// Stops accepting, answers what has begun, then calls back.
  /// - Parameter deadline: seconds after which the connections still open are cut.
  public func drain(deadline: Double, completion: @escaping @Sendable () -> Void) {
    server.drain(deadline: deadline) { [accessLog] in
      accessLog?.flush()
      accessLog?.wait()
      completion()
    }
  }
}
