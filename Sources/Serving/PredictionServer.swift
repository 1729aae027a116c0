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
  ///   - catalog: its predictors are used from the compute queue and the shadow's thread alone from here on.
  ///   - accessLog: where each request leaves a line; nil for none.
  /// - Throws: `HTTPError` if the kernel has no descriptors left.
  public init(
    listeners: [Int32], catalog: ModelCatalog, options: ServingOptions = ServingOptions(),
    hooks: ServingHooks = ServingHooks(), accessLog: AccessLog? = nil
  ) throws {
    let hasShadow = catalog.deployments.contains { $0.shadow != nil }
    let compute = ComputeQueue(
      options: options, hooks: hooks, versions: catalog.versions,
      shadow: hasShadow ? ShadowRunner(recorder: hooks.recorder) : nil)
    let api = PublicAPI(catalog: catalog, compute: compute, options: options, hooks: hooks)
    let (router, paths) = try api.router()
    let access = AccessControl(options: options.access)
    self.compute = compute
    self.hooks = hooks
    self.accessLog = accessLog
    routes = paths
    server = try HTTPServer(listeners: listeners, configuration: options.http) {
      access.preflight($0) ?? router.handle($0, $1)
    }
  }

  /// A server of one model.
  /// - Throws: `HTTPError` if the kernel has no descriptors left.
  public convenience init(
    listeners: [Int32], predictor: any Predictor, options: ServingOptions = ServingOptions(),
    hooks: ServingHooks = ServingHooks(), accessLog: AccessLog? = nil
  ) throws {
    let catalog = try ModelCatalog([
      ServedVersion(predictor, name: predictor.name, version: "1")
    ])
    try self.init(
      listeners: listeners, catalog: catalog, options: options, hooks: hooks, accessLog: accessLog)
  }

  /// Whether the paths of these models are all different and well formed, as a server's must be.
  /// - Throws: what `init` throws.
  static func check(_ catalog: ModelCatalog, options: ServingOptions) throws {
    let hooks = ServingHooks()
    let compute = ComputeQueue(options: options, hooks: hooks, shadow: nil)
    _ = try PublicAPI(catalog: catalog, compute: compute, options: options, hooks: hooks).router()
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
      if exchange.response.readyAt > 0, let request = exchange.request {
        recorder.record(write: request.arrival + exchange.duration - exchange.response.readyAt)
      }
    }
    compute.batchingAnswers = { [server] in server.batchingAnswers($0) }
    server.gatheringTime = { [compute] in compute.gatheringTime }
    server.room = { [compute] in compute.room }
    server.onRoundEnd = { [compute] in compute.begin() }
    server.onTick = { [compute, hooks, accessLog] in
      compute.begin()
      compute.expire()
      compute.remindOfShared()
      hooks.recorder?.record(queueDepth: compute.depth)
      hooks.heartbeat(compute.secondsInBatch)
      accessLog?.flush()
    }
    server.closesConnections = hooks.endsSoon
    server.onConnectionCount = hooks.connectionCount
    server.defersAccept = hooks.defersAccept
    server.start()
    compute.beginSharing()
  }

  /// Answers what has begun, stops accepting, then calls back, as `HTTPServer.drain` does.
  public func drain(
    deadline: Double, acceptingEnded: @escaping @Sendable () -> Void = {},
    completion: @escaping @Sendable () -> Void
  ) {
    server.drain(deadline: deadline, acceptingEnded: acceptingEnded) { [compute, accessLog] in
      accessLog?.flush()
      accessLog?.wait()
      compute.leave(completion)
    }
  }
}
