import Dispatch
import Foundation
import JSON
import LoopbackClient
import Serving
import Synchronization
import TestDaemon
import Testing
import Transformer

@Suite struct ModelVersionTests {
  @Test func aSpecificationHasANameADirectoryAndAShare() throws {
    #expect(
      try ModelSpecification.primary("models/my model/")
        == ModelSpecification(name: "my-model", directory: "models/my model/"))
    #expect(
      try ModelSpecification.primary("a=./models/x")
        == ModelSpecification(name: "a", directory: "./models/x"))
    #expect(
      try ModelSpecification.canary("a=dir:2.5%")
        == ModelSpecification(name: "a", directory: "dir", role: .canary(share: 0.025)))
    #expect(
      try ModelSpecification.shadow("a=dir")
        == ModelSpecification(name: "a", directory: "dir", role: .shadow))
    for bad in ["a=dir", "a=dir:0%", "a=dir:101%", "a=dir:x%", "dir:5%"] {
      #expect(throws: ServingError.self, "\(bad)") { try ModelSpecification.canary(bad) }
    }
    #expect(
      try ModelSpecification.primary("BAAI/bge-small-en-v1.5:f32=dir").name
        == "BAAI/bge-small-en-v1.5:f32")
    for bad in ["a//b=dir", "/a=dir", "a/=dir", "a/../b=dir", "a b=dir", "=dir", "a=", "..=dir"] {
      #expect(throws: ServingError.self, "\(bad)") { try ModelSpecification.primary(bad) }
    }
    #expect(throws: ServingError.self) { try ModelSpecification.shadow("dir") }
  }

  @Test func aNameOfAHubIsTheModelsNameOrItsAlias() throws {
    let plain = try ModelSpecification.primary("org/some-model@v1")
    #expect(plain.name == "org/some-model" && plain.directory == "org/some-model@v1")
    #expect(plain.aliases.isEmpty)
    let named = try ModelSpecification.primary("m:1=org/some-model")
    #expect(named.name == "m:1" && named.aliases == ["org/some-model"])
    var models = [plain, try ModelSpecification.primary("other=./dir")]
    try ModelSpecification.addAlias("org/some-model=short", to: &models)
    try ModelSpecification.addAlias("other=x/y", to: &models)
    #expect(models.map(\.aliases) == [["short"], ["x/y"]])
    for bad in ["short", "none=a", "other=short", "other=org/some-model", "other=a b", "other="] {
      #expect(throws: ServingError.self, "\(bad)") {
        try ModelSpecification.addAlias(bad, to: &models)
      }
    }
  }

  private static func version(
    _ name: String, _ version: String, _ role: ModelSpecification.Role, label: Int = 0,
    labels: [String] = ["a", "b"], counter: Int = 0
  ) -> ServedVersion {
    ServedVersion(
      ConstantPredictor(.classification, .label(label, probabilities: [0.5, 0.5]), labels: labels),
      name: name, version: version, role: role, isDefault: role == .primary, counterIndex: counter)
  }

  @Test func aCatalogRefusesWhatDoesNotGoTogether() {
    let primary = Self.version("m", "1", .primary)
    #expect(throws: ServingError.self, "two of a name") {
      try ModelCatalog([primary, Self.version("m", "2", .primary)])
    }
    #expect(throws: ServingError.self, "a canary of nothing") {
      try ModelCatalog([primary, Self.version("n", "2", .shadow)])
    }
    #expect(throws: ServingError.self, "other labels") {
      try ModelCatalog([primary, Self.version("m", "2", .shadow, labels: ["a", "c"])])
    }
    #expect(throws: ServingError.self, "two shadows") {
      try ModelCatalog([
        primary, Self.version("m", "2", .shadow), Self.version("m", "3", .shadow),
      ])
    }
  }

  private func versions(
    _ running: RunningServer, count: Int, fields: (Int) -> String
  ) throws -> [String: Int] {
    var counts: [String: Int] = [:]
    let client = running.client
    for index in 0..<count {
      let body = #"{"input":"t"}"#
      client.send(
        "POST /predict HTTP/1.1\r\nHost: a\r\n\(fields(index))Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
      )
      let answer = try #require(client.readAnswer())
      counts[answer.fields["x-model-version"] ?? "", default: 0] += 1
    }
    return counts
  }

  @Test func aCanaryTakesItsShareAndOneKeyAlwaysMeetsOneVersion() throws {
    let running = try RunningServer([
      Self.version("m", "1", .primary), Self.version("m", "2", .canary(share: 0.2), label: 1),
    ])
    let spread = try versions(running, count: 1000) { "X-Sticky-Key: user-\($0)\r\n" }
    // 200 expected; six standard deviations of the binomial distribution are 76.
    #expect((124...276).contains(spread["m/2"] ?? 0), "\(spread)")
    #expect((spread["m/1"] ?? 0) + (spread["m/2"] ?? 0) == 1000)
    #expect(try versions(running, count: 20) { _ in "X-Sticky-Key: user-7\r\n" }.count == 1)
    #expect(try versions(running, count: 20) { _ in "X-Request-Id: r-7\r\n" }.count == 1)
    #expect(try versions(running, count: 200) { "X-Request-Id: r-\($0)\r\n" }.count == 2)
  }

  private final class Outcomes: ServingRecorder {
    let list = Mutex<[(String, VersionOutcome)]>([])
    func record(route: String?, status: Int, nanoseconds: Int64, byteCount: Int) {}
    func record(prediction: PredictionEvent) {}
    func record(queueDepth: Int) {}
    func record(version: ServedVersion, outcome: VersionOutcome) {
      list.withLock { $0.append((version.description.version, outcome)) }
    }

    func shadows(of wanted: Int) -> (agreed: Int, compared: Int, dropped: Int) {
      var counts = (agreed: 0, compared: 0, dropped: 0)
      let isThere = BuiltMartlet.wait {
        counts = (0, 0, 0)
        for (_, outcome) in list.withLock({ $0 }) {
          switch outcome {
          case .compared(let agrees, _):
            counts.agreed += agrees ? 1 : 0
            counts.compared += 1
          case .dropped(let texts): counts.dropped += texts
          case .answered, .failed, .notFinite: break
          }
        }
        return counts.compared + counts.dropped >= wanted
      }
      return isThere ? counts : (-1, -1, -1)
    }
  }

  @Test(arguments: [0, 1]) func aShadowIsComparedAndAnswersNobody(label: Int) throws {
    let outcomes = Outcomes()
    let running = try RunningServer(
      [Self.version("m", "1", .primary), Self.version("m", "2", .shadow, label: label)],
      { _, hooks in hooks.recorder = outcomes })
    let answer = try running.post("/predict", #"{"input":["x","y","z"]}"#)
    #expect(answer.body == "{\"prediction\":[\"a\",\"a\",\"a\"]}\n")
    #expect(answer.fields["x-model-version"] == "m/1")
    let (agreed, compared, _) = outcomes.shadows(of: 3)
    #expect(compared == 3)
    #expect(agreed == (label == 0 ? 3 : 0))
  }

  @Test func aShadowThatHangsIsDroppedAndNeverWaitedFor() throws {
    let outcomes = Outcomes()
    let gate = DispatchSemaphore(value: 0)
    let shadow = ServedVersion(
      WordPredictor(gate: gate), name: "m", version: "2", role: .shadow, isDefault: false)
    let running = try RunningServer(
      [ServedVersion(WordPredictor(), name: "m", version: "1"), shadow],
      { _, hooks in hooks.recorder = outcomes })
    let counts = try versions(running, count: 200) { _ in "" }
    #expect(counts == ["m/1": 200])
    #expect(outcomes.shadows(of: 100).dropped >= 100)
    for _ in 0..<100 { gate.signal() }
  }

  @Test func batchesAreOfOneVersion() throws {
    let gate = DispatchSemaphore(value: 0)
    let (first, second) = (WordPredictor.Batches(), WordPredictor.Batches())
    let depth = QueueDepth()
    let running = try RunningServer(
      [
        ServedVersion(WordPredictor(gate: gate, batches: first), name: "m", version: "1"),
        ServedVersion(
          WordPredictor(gate: gate, batches: second), name: "n", version: "1", isDefault: false),
      ], { _, hooks in hooks.recorder = depth })
    let body = #"{"input":"a"}"#
    func send(_ model: String) -> LoopbackClient {
      let client = running.client
      client.send(
        "POST /models/\(model)/predict HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
      )
      return client
    }
    for model in ["m", "n"] {
      // How long a token takes is known after one text.
      gate.signal()
      #expect(send(model).readAnswer()?.status == 200)
    }
    var clients = [send("m")]
    #expect(BuiltMartlet.wait { first.sizes.withLock { $0.count == 2 } })
    for model in ["m", "n", "m", "n", "m"] {
      clients.append(send(model))
      #expect(depth.reaches(clients.count - 1))
    }
    for _ in 0..<3 { gate.signal() }
    for client in clients { #expect(client.readAnswer()?.status == 200) }
    #expect(first.sizes.withLock { $0 } == [1, 1, 3])
    #expect(second.sizes.withLock { $0 } == [1, 2])
  }
}

/// One of several that run together, in batches that are told.
private final class HeadPredictor: Predictor {
  let name = "head"
  let labels = ["a", "b"]
  let maximumTokens = 8
  let task = ModelTask.classification
  private let shared: Shared
  private let label: Int

  final class Shared {
    let gate: DispatchSemaphore?
    /// How many questions each run had, and of how many texts.
    let runs = Mutex<[(questions: Int, texts: Int)]>([])

    init(gate: DispatchSemaphore? = nil) { self.gate = gate }
  }

  init(_ shared: Shared, label: Int) { (self.shared, self.label) = (shared, label) }

  var trunk: ObjectIdentifier { ObjectIdentifier(shared) }

  func encodes(like other: any Predictor) -> Bool { other.trunk == trunk }

  func predict(_ inputs: [EncodedInput]) throws -> [Result<Prediction, PredictionError>] {
    inputs.map {
      if $0.input.text == "nan" && label == 1 { return .failure(.notFinite) }
      return .success(
        Prediction(
          value: .label(label, probabilities: label == 0 ? [0.75, 0.25] : [0.25, 0.75]),
          tokenCount: 3, unknownTokenCount: 0, isTruncated: $0.input.text == "long" && label == 1))
    }
  }

  func predict(_ questions: [Question]) throws -> [Result<Prediction, PredictionError>] {
    shared.runs.withLock {
      $0.append((questions.count, Set(questions.map(\.input.input.text)).count))
    }
    if let gate = shared.gate { _ = gate.wait(timeout: .now() + 60) }
    return try questions.flatMap { try $0.predictor.predict([$0.input]) }
  }
}

@Suite struct SeveralModelsTests {
  private typealias Shared = HeadPredictor.Shared

  /// `a` and `b` over one trunk, `c` over another.
  private func versions(_ one: Shared, _ other: Shared = Shared()) -> [ServedVersion] {
    [("a", one, 0), ("b", one, 1), ("c", other, 1)].map { name, shared, label in
      ServedVersion(
        HeadPredictor(shared, label: label), name: name, version: "7", isDefault: name == "a")
    }
  }

  private final class Events: ServingRecorder {
    let list = Mutex<[String]>([])
    func record(route: String?, status: Int, nanoseconds: Int64, byteCount: Int) {}
    func record(prediction: PredictionEvent) {
      list.withLock { $0.append("\(prediction.version.description.name) \(prediction.requestID)") }
    }
    func record(queueDepth: Int) {}
    func record(version: ServedVersion, outcome: VersionOutcome) {
      let name = version.description.name
      list.withLock { list in
        switch outcome {
        case .answered(let texts, _): list.append("\(name) answered \(texts)")
        case .failed: list.append("\(name) failed")
        case .notFinite(let texts): list.append("\(name) not finite \(texts)")
        case .compared, .dropped: break
        }
      }
    }
  }

  @Test func eachModelSaysWhatItSaysAloneAndEachTrunkRunsOnce() throws {
    let (one, other, events) = (Shared(), Shared(), Events())
    let running = try RunningServer(versions(one, other)) { _, hooks in hooks.recorder = events }
    func body(_ answer: LoopbackClient.Answer) -> String {
      String(answer.body.dropLast())
    }
    for input in [#""x""#, #"["x","y"]"#, #"{"text":"x","text_pair":"y"}"#, #""long""#] {
      for query in ["", "?scores=true"] {
        let alone = try ["c", "a", "b"].map { name in
          let answer = try running.post("/models/\(name)/predict\(query)", #"{"input":\#(input)}"#)
          return "\"\(name)\":\(body(answer))"
        }
        let answer = try running.post(
          "/predict\(query)", #"{"input":\#(input),"models":["c","a","b"]}"#)
        #expect(body(answer) == "{\"predictions\":{\(alone.joined(separator: ","))}}")
        #expect(answer.fields["x-model-version"] == "c/7, a/7, b/7")
        #expect(answer.fields["x-input-truncated"] == (input == #""long""# ? "true" : nil))
      }
    }
    events.list.withLock { $0 = [] }
    for shared in [one, other] { shared.runs.withLock { $0 = [] } }
    let answer = try running.post(
      "/predict", Array(#"{"input":["x","y"],"models":["b","a","c"]}"#.utf8),
      fields: "X-Request-Id: r\r\n")
    #expect(answer.status == 200)
    #expect(one.runs.withLock { $0.map(\.questions) } == [4])
    #expect(other.runs.withLock { $0.map(\.questions) } == [2])
    #expect(
      events.list.withLock { $0 } == [
        "b r/0", "b r/1", "b answered 2", "a r/0", "a r/1", "a answered 2", "c r/0", "c r/1",
        "c answered 2",
      ])
  }

  @Test func namesThatAreWrongAreToldWithThoseThatAreRight() throws {
    let running = try RunningServer(versions(Shared()))
    for (models, status, pointer) in [
      ("[]", 422, "/models"), ("\"a\"", 422, "/models"), ("null", 422, "/models"),
      ("[1]", 422, "/models/0"), ("[\"a\",\"a\"]", 422, "/models/1"),
      ("[\"a\",\"x\"]", 404, "/models/1"), ("[\"a\",\"\u{212A}\"]", 404, "/models/1"),
    ] {
      let answer = try running.post("/predict", #"{"input":"x","models":\#(models)}"#)
      let json = try JSONValue(parsing: answer.body)
      #expect(answer.status == status, "\(models)")
      #expect(json["pointer"]?.stringValue == pointer, "\(models)")
      if !models.contains("a\",\"a") {
        #expect(json["mend"]?.stringValue?.contains("a, b, c") == true, "\(models)")
      }
    }
    #expect(
      try running.post("/models/a/predict", #"{"input":"x","models":["b"]}"#).status == 422)
  }

  @Test func oneModelWithoutAnAnswerIsNamedAndTheOthersAreNotBlamed() throws {
    let events = Events()
    let running = try RunningServer(versions(Shared())) { _, hooks in hooks.recorder = events }
    for models in [#"["a","b"]"#, #"["a","c"]"#] {
      events.list.withLock { $0 = [] }
      let answer = try running.post("/predict", #"{"input":["x","nan"],"models":\#(models)}"#)
      #expect(answer.status == 500)
      let json = try JSONValue(parsing: answer.body)
      let broken = models.contains("b") ? "b" : "c"
      #expect(json["detail"]?.stringValue?.hasPrefix("Model '\(broken)': ") == true)
      #expect(json["pointer"]?.stringValue == "/input/1")
      let told = events.list.withLock { $0 }
      #expect(told.contains("\(broken) not finite 1") && told.contains("\(broken) failed"))
      #expect(!told.contains("a failed"))
    }
    #expect(try running.post("/predict", #"{"input":"x","models":["a","c"]}"#).status == 200)
  }

  @Test func textsCountOnceForEachTrunk() throws {
    let running = try RunningServer(versions(Shared())) { options, _ in
      options.maximumTextsPerRequest = 4
    }
    let texts = #"["1","2","3"]"#
    #expect(try running.post("/predict", #"{"input":\#(texts),"models":["a","b"]}"#).status == 200)
    let refused = try running.post("/predict", #"{"input":\#(texts),"models":["a","c"]}"#)
    #expect(refused.status == 422)
    #expect(refused.body.contains("2 different encoders"))
    #expect(try running.post("/predict", #"{"input":["1"],"models":["a","c"]}"#).status == 200)
  }

  @Test func whatWaitsForOneTrunkIsOneBatch() throws {
    let gate = DispatchSemaphore(value: 0)
    let (one, depth) = (Shared(gate: gate), QueueDepth())
    let running = try RunningServer(versions(one)) { _, hooks in hooks.recorder = depth }
    func send(_ path: String, _ body: String) -> LoopbackClient {
      let client = running.client
      client.send(
        "POST \(path) HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
      return client
    }
    // How long a token takes is known after one text.
    gate.signal()
    #expect(send("/predict", #"{"input":"x"}"#).readAnswer()?.status == 200)
    var clients = [send("/predict", #"{"input":"x"}"#)]
    #expect(BuiltMartlet.wait { one.runs.withLock { $0.count == 2 } })
    for model in ["a", "b", "a"] {
      clients.append(send("/models/\(model)/predict", #"{"input":"\#(model)"}"#))
      #expect(depth.reaches(clients.count - 1))
    }
    clients.append(send("/predict", #"{"input":"x","models":["a","b"]}"#))
    #expect(depth.reaches(4))
    gate.signal()
    gate.signal()
    let answers = clients.map { $0.readAnswer()?.body ?? "" }
    #expect(one.runs.withLock { $0.map(\.questions) } == [1, 1, 5])
    #expect(answers[1] == "{\"prediction\":\"a\"}\n" && answers[2] == "{\"prediction\":\"b\"}\n")
  }
}
