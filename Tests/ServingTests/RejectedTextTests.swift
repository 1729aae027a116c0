import Foundation
import JSON
import LoopbackClient
import Serving
import Synchronization
import Testing
import Tokenization
import Transformer

/// Makes no tokens of white space, and NaN of `nan`; counts what it computes.
private final class OddPredictor: Predictor {
  let name = "odd"
  let task: ModelTask
  let labels: [String]
  let maximumTokens = 64
  let embeddingDimension: Int
  let computed = Computed()

  final class Computed: Sendable {
    let texts = Mutex<[String]>([])
  }

  init(_ task: ModelTask) {
    self.task = task
    labels = task == .embedding ? [] : task == .regression ? ["score"] : ["a", "b"]
    embeddingDimension = task == .embedding ? 2 : 0
  }

  func encode(_ input: TextInput) throws(PredictionError) -> EncodedInput {
    let words = (input.text + (input.pair ?? "")).split(whereSeparator: \.isWhitespace).count
    return try EncodedInput(
      input,
      Encoding(
        ids: [Int32](repeating: 1, count: words), typeIDs: [Int32](repeating: 0, count: words),
        isTruncated: false, unknownCount: 0))
  }

  func predict(_ inputs: [EncodedInput]) -> [Result<Prediction, PredictionError>] {
    computed.texts.withLock { $0 += inputs.map(\.input.text) }
    return inputs.map {
      if ($0.input.text + ($0.input.pair ?? "")).contains("nan") { return .failure(.notFinite) }
      let value: Prediction.Value =
        switch task {
        case .embedding: .vector([1, 0])
        case .regression: .scores([0.5])
        case .multiLabelClassification: .labels([0], probabilities: [0.75, 0.25])
        case .tokenClassification: .tokens([])
        default: .label(0, probabilities: [0.75, 0.25])
        }
      return .success(
        Prediction(
          value: value, tokenCount: $0.encoding.ids.count, unknownTokenCount: 0, isTruncated: false)
      )
    }
  }
}

/// What versions were told of.
private final class Outcomes: ServingRecorder {
  let notFinite = Mutex(0)
  let failures = Mutex(0)
  func record(route: String?, status: Int, nanoseconds: Int64, byteCount: Int) {}
  func record(prediction: PredictionEvent) {}
  func record(queueDepth: Int) {}
  func record(version: ServedVersion, outcome: VersionOutcome) {
    switch outcome {
    case .notFinite(let texts): notFinite.withLock { $0 += texts }
    case .failed: failures.withLock { $0 += 1 }
    default: break
    }
  }
}

@Suite struct RejectedTextTests {
  /// A route, its task, a body with a text to be filled in, and where that text stands.
  static let routes: [(path: String, task: ModelTask, body: String, pointer: String)] = [
    ("/predict", .classification, #"{"input":"TEXT"}"#, "/input"),
    ("/predict", .multiLabelClassification, #"{"input":["hello","TEXT"]}"#, "/input/1"),
    ("/predict", .tokenClassification, #"{"input":["TEXT","hello"]}"#, "/input/0"),
    ("/predict", .regression, #"{"input":{"text":"TEXT","text_pair":" "}}"#, "/input"),
    ("/models/odd/predict", .embedding, #"{"input":["hello","TEXT"]}"#, "/input/1"),
    ("/embed", .embedding, #"{"inputs":"TEXT"}"#, "/inputs"),
    ("/embed", .embedding, #"{"inputs":["hello","TEXT"]}"#, "/inputs/1"),
    ("/rerank", .regression, #"{"query":" ","texts":["hello","TEXT"]}"#, "/texts/1"),
    ("/v1/embeddings", .embedding, #"{"model":"odd","input":["hello","TEXT"]}"#, "input/1"),
    (
      "/v2/models/odd/infer", .classification,
      #"{"inputs":[{"name":"text","shape":[2],"datatype":"BYTES","data":["hello","TEXT"]}]}"#,
      "/inputs/0/data/1"
    ),
    ("/v1/models/odd:predict", .classification, #"{"instances":["hello","TEXT"]}"#, "/instances/1"),
    ("/v1/models/odd:predict", .classification, #"{"inputs":["hello","TEXT"]}"#, "/inputs/1"),
    (
      "/v1/models/odd:predict", .classification, #"{"inputs":{"text":["hello","TEXT"]}}"#,
      "/inputs/text/1"
    ),
  ]

  @Test(arguments: routes.indices)
  func aTextWithoutTokensIsToldWhereBeforeAnythingIsComputed(_ index: Int) throws {
    let route = Self.routes[index]
    let predictor = OddPredictor(route.task)
    let recorder = Outcomes()
    let computed = predictor.computed
    let running = try RunningServer(predictor, { $1.recorder = recorder })
    let answer = try running.post(
      route.path, route.body.replacingOccurrences(of: "TEXT", with: #" \t "#))
    let knows422 = ["/predict", "/models/odd/predict", "/embed", "/rerank"].contains(route.path)
    #expect(answer.status == (knows422 ? 422 : 400), "\(answer.body)")
    #expect(answer.body.contains(route.pointer) && answer.body.contains("no tokens"))
    #expect(computed.texts.withLock { $0 }.isEmpty)
    #expect(recorder.failures.withLock { $0 } == 0)
  }

  @Test(arguments: routes.indices)
  func whatIsNoFiniteNumberIs500WithTheReasonAndIsCounted(_ index: Int) throws {
    let route = Self.routes[index]
    let recorder = Outcomes()
    let running = try RunningServer(OddPredictor(route.task), { $1.recorder = recorder })
    let answer = try running.post(
      route.path, route.body.replacingOccurrences(of: "TEXT", with: "nan"))
    #expect(answer.status == 500)
    #expect(answer.body.contains(route.pointer) && answer.body.contains("not a finite number"))
    #expect(recorder.notFinite.withLock { $0 } == 1)
    #expect(recorder.failures.withLock { $0 } == 1)
  }

  @Test(arguments: [Float.nan, .infinity, -.infinity])
  func noAnswerHoldsANumberThatIsNotFinite(_ odd: Float) throws {
    let cases: [(ModelTask, Prediction.Value, String, String)] = [
      (.embedding, .vector([1, odd]), "/embed", #"{"inputs":"a","normalize":false}"#),
      (.embedding, .vector([1, odd]), "/v1/embeddings", #"{"model":"constant","input":"a"}"#),
      (.regression, .scores([odd]), "/predict", #"{"input":"a"}"#),
      (.regression, .scores([odd]), "/v1/models/constant:predict", #"{"instances":["a"]}"#),
      (
        .classification, .label(0, probabilities: [odd, 0]), "/predict?scores=true",
        #"{"input":"a"}"#
      ),
      (
        .tokenClassification,
        .tokens([TokenLabel(token: "a", labelIndex: 0, probability: odd)]),
        "/v1/models/constant:predict", #"{"inputs":["a"]}"#
      ),
    ]
    for (task, value, path, body) in cases {
      let running = try RunningServer(
        ConstantPredictor(task, value, labels: task == .embedding ? [] : ["a", "b"]))
      let answer = try running.post(path, body)
      #expect(answer.status == 500, "\(path) \(answer.body)")
      #expect(answer.body.contains("not finite"), "\(answer.body)")
    }
  }

  @Test func oneClientsTextWithoutTokensDoesNotTouchAnothersAnswer() throws {
    let running = try RunningServer(OddPredictor(.classification))
    let clients = (0..<20).map { _ in running.client }
    for (index, client) in clients.enumerated() {
      let body = index % 2 == 0 ? #"{"input":"hello"}"# : #"{"input":" "}"#
      client.send(
        "POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
    }
    for (index, client) in clients.enumerated() {
      #expect(client.readAnswer()?.status == (index % 2 == 0 ? 200 : 422))
    }
  }
}
