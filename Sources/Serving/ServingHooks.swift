import CSystem
import HTTP
import Health
import Prefork
import Transformer

/// One text and what was said of it, for the health monitor. The text is for computing features. It is never logged, and
/// leaves the worker only with `--keep-text`.
public struct PredictionEvent: Sendable {
  /// The key for `/feedback`.
  public let requestID: String
  /// The text as it came.
  public let text: String
  /// What the model said.
  public let prediction: Prediction
  /// Nanoseconds from the request's first byte to its prediction.
  public let duration: Int64
  /// Who said it. Class indices mean this version's labels; only versions with `isDefault` share the labels of the default
  /// model, which drift and feedback are watched over.
  public let version: ServedVersion
}

/// What became of one request at one version of a model.
public enum VersionOutcome: Sendable {
  /// It was answered, so many nanoseconds after its first byte.
  case answered(texts: Int, nanoseconds: Int64)
  /// The model failed, or the request's time passed in the queue.
  case failed
  /// What the model computed for so many texts is not a finite number.
  case notFinite(texts: Int)
  /// A shadow was asked about one text, took so long for it, and said the same as the primary or not.
  case compared(agrees: Bool, nanoseconds: Int64)
  /// A shadow was not asked, because it had too much to do.
  case dropped(texts: Int)
}

/// Where counters and histograms go; shared memory in a worker. Must not block.
public protocol ServingRecorder: Sendable {
  /// One answer has been written. Called on the I/O queue.
  /// - Parameter route: the path of a known route; nil for any other, and for refused requests.
  func record(route: String?, status: Int, nanoseconds: Int64, byteCount: Int)
  /// One text has been predicted. Called on the compute queue before its answer is handed on, so that whoever asks on the
  /// answer's heels finds it.
  func record(prediction: PredictionEvent)
  /// The same text, once the answers of its batch are on their way: for what nobody waits for. Called on the compute queue.
  func measure(prediction: PredictionEvent)
  /// Something happened at a version. Called on the compute queue, and for shadows on their thread.
  func record(version: ServedVersion, outcome: VersionOutcome)
  /// The parts of one request's time: until its first slice began, tokens, and the model, in nanoseconds. Called on the compute queue.
  func record(queue: Int64, tokenise: Int64, forward: Int64)
  /// Nanoseconds from an answer's making on the compute queue until its bytes were written on the I/O queue, before they
  /// are sent. Called there.
  func record(write nanoseconds: Int64)
  /// Texts that wait for the compute queue now.
  func record(queueDepth: Int)
}

extension ServingRecorder {
  /// Texts are not measured, unless a recorder says otherwise.
  public func measure(prediction: PredictionEvent) {}
  /// Versions are not counted, unless a recorder says otherwise.
  public func record(version: ServedVersion, outcome: VersionOutcome) {}
  /// Parts are not counted, unless a recorder says otherwise.
  public func record(queue: Int64, tokenise: Int64, forward: Int64) {}
  /// Parts are not counted, unless a recorder says otherwise.
  public func record(write nanoseconds: Int64) {}
}

/// What a worker tells its surroundings, and asks of them.
public struct ServingHooks: Sendable {
  /// Counters and histograms.
  public var recorder: (any ServingRecorder)?
  /// Called on the I/O queue four times a second with the seconds that the present part of a batch has taken
  /// (0 while the compute queue rests), so that the arbiter learns of a stuck worker.
  public var heartbeat: @Sendable (_ computeSeconds: Double) -> Void = { _ in }
  /// Called on the I/O queue with the number of open connections, whenever it changes.
  public var connectionCount: @Sendable (Int) -> Void = { _ in }
  /// Called on the I/O queue: whether another worker has fewer connections and should take the next.
  public var defersAccept: @Sendable () -> Bool = { false }
  /// Called on the I/O queue at each answer: whether its connection is to close after it, because the pool is about to end.
  public var endsSoon: @Sendable () -> Bool = { false }
  /// Whether the pool is ready, for `/readyz`. Called on the I/O queue.
  public var isReady: @Sendable () -> Bool = { true }
  /// This worker's side of the exchange of slices; nil where workers share nothing.
  package var slices: SliceDesk?
  /// Takes `/feedback`: `done` has one answer for each label in their order, from any queue, at once or later.
  public var feedback:
    @Sendable (_ items: [FeedbackItem], _ done: @escaping @Sendable ([FeedbackAnswer]) -> Void) ->
      Void = { items, done in
        done(items.map { _ in FeedbackAnswer(outcome: .unknownRequest) })
      }

  /// Hooks that do nothing.
  public init() {}
}

/// Bounds and times of a worker's serving.
public struct ServingOptions: Sendable {
  /// Connections and requests.
  public var http = HTTPServerConfiguration()
  /// The certificate and its key; nil for HTTP without TLS.
  public var tls: TLSConfiguration?
  /// Most requests that wait; past it the answer is 503 at once. All their texts are at most so many and those of one request more,
  /// beside requests of a single text.
  public var maximumQueuedTexts = 512
  /// Most texts in one request.
  public var maximumTextsPerRequest = 256
  /// Texts in one batch at most.
  public var maximumBatchTexts = 32
  /// Tokens in one batch at most, unless one text has more.
  public var maximumBatchTokens = 4096
  /// Seconds that a request may wait for its answer, where it names no time of its own.
  public var requestTimeout = 30.0
  /// Seconds that a request may have to wait for its turn, as estimated from what waits and how long that takes; past it the
  /// answer is 503 at once.
  public var maximumQueueWait = 5.0
  /// Who may ask, how often, and from which web pages.
  public var access = AccessOptions()

  /// The defaults.
  public init() {}
}

extension ServingHooks {
  /// Tells the arbiter, in this worker's slot, that the worker lives, since when it computes and how many connections it has; new
  /// connections are left to workers of the pool that have fewer.
  package mutating func report(to slot: WorkerSlot, among scoreboard: Scoreboard) {
    heartbeat = { seconds in
      slot.beat()
      let now = martlet_monotonic_nanoseconds()
      slot.busySince = seconds > 0 ? now - min(now, UInt64(seconds * 1e9)) : 0
    }
    connectionCount = { slot.connections = UInt64($0) }
    defersAccept = {
      let own = slot.connections
      return scoreboard.slots.contains { $0.state == .ready && $0.connections < own }
    }
  }
}
