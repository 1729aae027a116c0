import Dispatch
import Foundation
import LoopbackClient
import Serving
import Synchronization
import TestDaemon
import Testing
import Transformer

/// Says `spam` of a text that has the word, and that a text of more than 1000 bytes was truncated.
final class WordPredictor: Predictor {
  let name = "words"
  let labels = ["ham", "spam"]
  let maximumTokens = 64
  /// Held by a test that wants the compute queue busy.
  let gate: DispatchSemaphore?
  let batches: Batches

  final class Batches: Sendable {
    let sizes = Mutex<[Int]>([])
  }

  init(gate: DispatchSemaphore? = nil, batches: Batches = Batches()) {
    self.gate = gate
    self.batches = batches
  }

  let task = ModelTask.classification

  func predict(_ inputs: [EncodedInput]) throws -> [Result<Prediction, PredictionError>] {
    batches.sizes.withLock { $0.append(inputs.count) }
    if let gate { _ = gate.wait(timeout: .now() + 60) }
    return inputs.map(\.input).map {
      let isSpam = ($0.text + ($0.pair ?? "")).contains("spam")
      return .success(
        Prediction(
          value: .label(isSpam ? 1 : 0, probabilities: isSpam ? [0.25, 0.75] : [0.75, 0.25]),
          tokenCount: 3, unknownTokenCount: 0, isTruncated: $0.text.utf8.count > 1000))
    }
  }
}

/// How many texts wait, as the server tells it four times a second.
final class QueueDepth: ServingRecorder {
  private let depth = Mutex(0)
  func record(route: String?, status: Int, nanoseconds: Int64, byteCount: Int) {}
  func record(prediction: PredictionEvent) {}
  func record(queueDepth: Int) { depth.withLock { $0 = queueDepth } }

  /// Waits until so many texts wait, at most a minute.
  func reaches(_ wanted: Int) -> Bool {
    BuiltMartlet.wait { depth.withLock { $0 } == wanted }
  }

  /// The same, at most so many seconds.
  func reaches(_ wanted: Int, within seconds: Double) -> Bool {
    !BuiltMartlet.stays(for: .seconds(seconds)) { depth.withLock { $0 } != wanted }
  }
}

/// Gives every input the same prediction.
final class ConstantPredictor: Predictor {
  let name = "constant"
  let labels: [String]
  let maximumTokens = 8
  let task: ModelTask
  let value: Prediction.Value
  let embeddingDimension: Int
  let isTruncated: Bool

  init(
    _ task: ModelTask, _ value: Prediction.Value, labels: [String] = ["a", "b"],
    isTruncated: Bool = false
  ) {
    (self.task, self.value, self.labels, self.isTruncated) = (task, value, labels, isTruncated)
    if case .vector(let vector) = value {
      embeddingDimension = vector.count
    } else {
      embeddingDimension = 0
    }
  }

  func predict(_ inputs: [EncodedInput]) -> [Result<Prediction, PredictionError>] {
    inputs.map { _ in
      .success(
        Prediction(value: value, tokenCount: 1, unknownTokenCount: 0, isTruncated: isTruncated))
    }
  }
}

/// A server of its own on a free port, with what a test asks of it.
final class RunningServer {
  let server: PredictionServer
  let listener = LoopbackListener()

  init(
    _ predictor: any Predictor = WordPredictor(),
    _ adjust: (inout ServingOptions, inout ServingHooks) -> Void = { _, _ in },
    accessLog: AccessLog? = nil
  ) throws {
    var options = ServingOptions()
    var hooks = ServingHooks()
    adjust(&options, &hooks)
    server = try PredictionServer(
      listeners: [listener.descriptor], predictor: predictor, options: options, hooks: hooks,
      accessLog: accessLog)
    server.start()
  }

  init(
    _ versions: [ServedVersion],
    _ adjust: (inout ServingOptions, inout ServingHooks) -> Void = { _, _ in }
  ) throws {
    var options = ServingOptions()
    var hooks = ServingHooks()
    adjust(&options, &hooks)
    server = try PredictionServer(
      listeners: [listener.descriptor], catalog: ModelCatalog(versions), options: options,
      hooks: hooks)
    server.start()
  }

  deinit {
    let descriptor = listener.descriptor
    server.drain(deadline: 0) { close(descriptor) }
  }

  var client: LoopbackClient { LoopbackClient(port: listener.port) }

  func post(
    _ path: String, _ body: [UInt8], fields: String = "Content-Type: application/json\r\n"
  ) throws -> LoopbackClient.Answer {
    let client = client
    client.send(
      Array(
        "POST \(path) HTTP/1.1\r\nHost: a\r\n\(fields)Content-Length: \(body.count)\r\n\r\n".utf8)
        + body)
    return try #require(client.readAnswer())
  }

  func post(_ path: String, _ body: String) throws -> LoopbackClient.Answer {
    try post(path, Array(body.utf8))
  }

  func get(_ path: String, _ fields: String = "") throws -> LoopbackClient.Answer {
    let client = client
    client.send("GET \(path) HTTP/1.1\r\nHost: a\r\n\(fields)\r\n")
    return try #require(client.readAnswer())
  }
}
