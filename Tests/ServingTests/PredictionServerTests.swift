import Dispatch
import Foundation
import HTTP
import Health
import JSON
import LoopbackClient
import Serving
import Synchronization
import TestDaemon
import Testing
import Transformer

@Suite struct PredictionServerTests {
  @Test func oneTextGivesOneLabelAndAListGivesAList() throws {
    let running = try RunningServer()
    #expect(
      try running.post("/predict", #"{"input":"a spam"}"#).body == "{\"prediction\":\"spam\"}\n")
    let list = try running.post("/predict", #"{"input":["a","spam"]}"#)
    #expect(list.body == "{\"prediction\":[\"ham\",\"spam\"]}\n")
    #expect(list.fields["content-type"] == "application/json")
  }

  @Test func scoresComeWhenAskedForByQueryOrAccept() throws {
    let running = try RunningServer()
    let expected = #"{"prediction":"spam","scores":{"ham":0.25,"spam":0.75}}"# + "\n"
    let body = #"{"input":"spam"}"#
    #expect(try running.post("/predict?scores=true", body).body == expected)
    let accept = "Accept: application/vnd.martlet.scores+json\r\n"
    #expect(try running.post("/predict", Array(body.utf8), fields: accept).body == expected)
    let list = try running.post("/predict?scores=true", #"{"input":["a"]}"#).body
    #expect(list == #"{"prediction":["ham"],"scores":[{"ham":0.75,"spam":0.25}]}"# + "\n")
  }

  @Test func aPairIsAnInputToo() throws {
    let running = try RunningServer()
    let one = try running.post("/predict", #"{"input":{"text":"a","text_pair":"spam"}}"#)
    #expect(one.body == "{\"prediction\":\"spam\"}\n")
    let list = try running.post("/predict", #"{"input":["b",{"text":"a","text_pair":"spam"}]}"#)
    #expect(list.body == "{\"prediction\":[\"ham\",\"spam\"]}\n")
    for bad in [
      #"{"text":"a","pair":"b"}"#, #"{"text_pair":"b"}"#, #"{"text":"a","text_pair":""}"#,
    ] {
      #expect(try running.post("/predict", #"{"input":\#(bad)}"#).status == 422)
    }
  }

  @Test(arguments: [
    (ModelTask.regression, Prediction.Value.scores([0.5]), "0.5"),
    (.multiLabelClassification, .labels([0, 1], probabilities: [0.5, 0.75]), #"["a","b"]"#),
    (.embedding, .vector([1, -0.25]), "[1.0,-0.25]"),
    (
      .tokenClassification, .tokens([TokenLabel(token: "##x", labelIndex: 1, probability: 0.5)]),
      ###"[{"token":"##x","label":"b","score":0.5}]"###
    ),
  ])
  func eachTaskHasItsAnswer(task: ModelTask, value: Prediction.Value, json: String) throws {
    let running = try RunningServer(ConstantPredictor(task, value))
    #expect(
      try running.post("/predict", #"{"input":"t"}"#).body == #"{"prediction":\#(json)}"# + "\n")
    #expect(
      try running.post("/predict", #"{"input":["t"]}"#).body == #"{"prediction":[\#(json)]}"# + "\n"
    )
    #expect(
      try running.get("/v1/models").body.contains(#""task":"\#(task.rawValue)""#))
  }

  @Test func truncationIsSaidInTheAnswer() throws {
    let running = try RunningServer()
    let long = String(repeating: "a ", count: 500_000)
    let answer = try running.post("/predict", #"{"input":"\#(long)"}"#)
    #expect(answer.body == #"{"prediction":"ham","truncated":true}"# + "\n")
    #expect(answer.fields["x-input-truncated"] == "true")
    let list = try running.post("/predict", #"{"input":["b","\#(long)"]}"#)
    #expect(list.body.contains(#""truncated":[false,true]"#))
  }

  @Test(arguments: [
    ("{}", 422, "/input"), (#"{"input":5}"#, 422, "/input"), ("[]", 422, ""),
    (#"{"input":""}"#, 422, "/input"), (#"{"input":[]}"#, 422, "/input"),
    (#"{"input":["a",null]}"#, 422, "/input/1"), (#"{"input":["a",""]}"#, 422, "/input/1"),
    (#"{"input":"a""#, 400, nil), ("", 400, nil), (#"{"input":"a","input":"b"}"#, 400, nil),
    (#"{"input":"\ud800"}"#, 400, nil), (#"{"input":"a"} x"#, 400, nil),
  ])
  func badInputIsToldWhatWhereAndHowToMend(
    _ body: String, _ status: Int, _ pointer: String?
  ) throws {
    let running = try RunningServer()
    let answer = try running.post("/predict", body)
    #expect(answer.status == status)
    #expect(answer.fields["content-type"] == "application/problem+json")
    let problem = try JSONValue(parsing: answer.body)
    #expect(problem["status"]?.intValue == status)
    #expect(problem["detail"]?.stringValue?.isEmpty == false)
    #expect(problem["mend"]?.stringValue?.isEmpty == false)
    #expect(problem["request_id"]?.stringValue == answer.fields["x-request-id"])
    if let pointer { #expect(problem["pointer"]?.stringValue == pointer) }
  }

  @Test func invalidUTF8IsRefused() throws {
    let running = try RunningServer()
    let body = Array(#"{"input":""#.utf8) + [0xC3, 0x28] + Array(#""}"#.utf8)
    #expect(try running.post("/predict", body).status == 400)
  }

  @Test(arguments: [
    "Content-Type: text/plain\r\n", "Content-Type: application/json; charset=latin1\r\n",
    "Content-Encoding: br\r\n",
  ])
  func otherEncodingsAreUnsupported(_ field: String) throws {
    let running = try RunningServer()
    #expect(
      try running.post("/predict", Array(#"{"input":"a"}"#.utf8), fields: field).status == 415)
  }

  @Test func aDeadlineThatHasPassedIs504AndTheWorkIsNotDone() throws {
    let batches = WordPredictor.Batches()
    let running = try RunningServer(WordPredictor(batches: batches))
    let body = Array(#"{"input":"a"}"#.utf8)
    let late = try running.post("/predict", body, fields: "X-Request-Timeout-Ms: 0\r\n")
    #expect(late.status == 504)
    #expect(batches.sizes.withLock { $0 }.isEmpty)
    let bad = try running.post("/predict", body, fields: "X-Request-Timeout-Ms: soon\r\n")
    #expect(bad.status == 400)
  }

  @Test func aFullQueueIs503AtOnceAndWhatWaitedIsBatched() throws {
    let gate = DispatchSemaphore(value: 0)
    let batches = WordPredictor.Batches()
    let depth = QueueDepth()
    let running = try RunningServer(
      WordPredictor(gate: gate, batches: batches),
      { options, hooks in
        options.maximumQueuedTexts = 3
        hooks.recorder = depth
      })
    let body = #"{"input":"a"}"#
    let head = "POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.utf8.count)\r\n\r\n"
    // How long a token takes is known after one text.
    gate.signal()
    #expect(try running.post("/predict", body).status == 200)
    let clients = (0..<4).map { _ in running.client }
    clients[0].send(head + body)
    #expect(BuiltMartlet.wait { batches.sizes.withLock { $0.count == 2 } })
    for client in clients.dropFirst() { client.send(head + body) }
    #expect(depth.reaches(3))
    let refused = try running.post("/predict", body)
    #expect(refused.status == 503)
    #expect(refused.fields["retry-after"] == "1")
    gate.signal()
    gate.signal()
    for client in clients { #expect(client.readAnswer()?.status == 200) }
    #expect(batches.sizes.withLock { $0 } == [1, 1, 3])
  }

  @Test func feedbackNeedsAKnownLabelAndReachesItsHook() throws {
    let box = Box()
    let running = try RunningServer(
      WordPredictor(),
      { _, hooks in
        hooks.feedback = { items, done in
          box.lines.withLock { lines in
            lines += items.map { "\($0.requestID) \($0.candidates[0].label ?? -1)" }
          }
          done(items.map { _ in FeedbackAnswer(outcome: .counted(wasCorrect: true)) })
        }
      })
    #expect(try running.post("/feedback", #"{"request_id":"r1","label":"spam"}"#).status == 202)
    let bad = try running.post("/feedback", #"{"request_id":"r1","label":"eggs"}"#)
    #expect(bad.status == 422)
    #expect(bad.body.contains(#""pointer":"\/label""#) || bad.body.contains(#""pointer":"/label""#))
    #expect(try running.post("/feedback", #"{"label":"spam"}"#).status == 422)
    #expect(box.lines.withLock { $0 } == ["r1 1"])
  }

  @Test func feedbackKeepsCanonicallyEqualLabelsApart() throws {
    let told = Mutex<[Int?]>([])
    let labels = ["\u{E9}", "e\u{301}", "\u{212B}", "\u{C5}", "\u{AC00}"]
    let running = try RunningServer(
      ConstantPredictor(
        .classification, .label(0, probabilities: [1, 0, 0, 0, 0]), labels: labels)
    ) {
      $1.feedback = { items, done in
        told.withLock { $0 += items.map { $0.candidates.first?.label } }
        done(items.map { _ in FeedbackAnswer(outcome: .counted(wasCorrect: true)) })
      }
    }
    for label in labels {
      let body = JSONValue.object(["request_id": "r", "label": JSONValue(label)])
      #expect(try running.post("/feedback", body.serializedBytes()).status == 202)
    }
    #expect(told.withLock { $0 } == [0, 1, 2, 3, 4])
    let other = try running.post("/feedback", "{\"request_id\":\"r\",\"label\":\"A\u{30A}\"}")
    #expect(other.status == 422)
  }

  @Test func feedbackInBulkAnswersForEachItem() throws {
    let running = try RunningServer(
      WordPredictor(),
      { _, hooks in
        hooks.feedback = { items, done in
          DispatchQueue.global().async {
            done(
              items.map { item in
                switch item.requestID {
                case "a": FeedbackAnswer(outcome: .counted(wasCorrect: true))
                case "b": FeedbackAnswer(outcome: .alreadyCounted)
                case "c": FeedbackAnswer(outcome: .replaced(previous: 0, wasCorrect: false))
                case "d": FeedbackAnswer(outcome: .unavailable)
                default: FeedbackAnswer(outcome: .unknownRequest)
                }
              })
          }
        }
      })
    let items = ["a", "b", "c", "d", "x"].map { #"{"request_id":"\#($0)","label":"spam"}"# }
    let bad = [
      #"{"request_id":"a","label":"eggs"}"#, "7", #"{"request_id":"a","model":"x","label":"spam"}"#,
    ]
    func check(_ answer: LoopbackClient.Answer, _ statuses: [Int]) throws {
      #expect(answer.status == 200, "\(answer.body)")
      let json = try JSONValue(parsing: answer.body)
      #expect(json["accepted"] == 3 && json["counted"] == 1 && json["already_counted"] == 1)
      #expect(json["replaced"] == 1 && json["correct"] == 1)
      let errors = json["errors"]?.arrayValue ?? []
      #expect(errors.map { $0["index"]?.intValue } == Array(3..<8))
      #expect(errors.map { $0["status"]?.intValue } == statuses)
      #expect(json["refused"] == 5 && errors[0]["request_id"] == "d")
    }
    let list = (items + bad).joined(separator: ",")
    try check(
      try running.post("/feedback", #"{"feedback":[\#(list)]}"#), [503, 404, 422, 422, 404])
    let lines = (items + ["not JSON", bad[1], bad[2]]).joined(separator: "\r\n\n")
    try check(
      try running.post(
        "/feedback", Array(lines.utf8), fields: "Content-Type: application/x-ndjson\r\n"),
      [503, 404, 400, 422, 404])
    #expect(try running.post("/feedback", #"{"feedback":[]}"#).status == 422)
    #expect(try running.post("/feedback", #"{"feedback":[\#(list)],"model":"x"}"#).status == 404)
    let replaced = try running.post("/feedback", #"{"request_id":"c","label":"spam"}"#)
    #expect(replaced.body == "{\"accepted\":true,\"correct\":false,\"replaced\":\"ham\"}\n")
    #expect(try running.post("/feedback", #"{"request_id":"d","label":"spam"}"#).status == 503)
    #expect(try running.post("/feedback", #"{"request_id":"x","label":"spam"}"#).status == 404)
  }

  @Test func feedbackFindsTheModelThatAnswered() throws {
    let versions = [
      ServedVersion(WordPredictor(), name: "words", version: "1"),
      ServedVersion(
        ConstantPredictor(
          .classification, .label(0, probabilities: [0.9, 0.1]), labels: ["a", "spam"]),
        name: "other", version: "1", isDefault: false),
    ]
    let box = Box()
    let running = try RunningServer(
      versions,
      { _, hooks in
        hooks.feedback = { items, done in
          box.lines.withLock { lines in
            lines += items.map { item in
              item.candidates.map { "\($0.model ?? "-"):\($0.label ?? -1)" }.joined(separator: " ")
            }
          }
          done(items.map { _ in FeedbackAnswer(outcome: .unknownLabel, candidate: 1) })
        }
      })
    let answer = try running.post("/feedback", #"{"request_id":"r","label":"ham"}"#)
    #expect(answer.status == 422 && answer.body.contains("a, spam"))
    _ = try running.post("/feedback", #"{"request_id":"r","label":"spam"}"#)
    _ = try running.post("/feedback", #"{"request_id":"r","label":"a","model":"other"}"#)
    #expect(
      try running.post("/feedback", #"{"request_id":"r","label":"a","model":"words"}"#).status
        == 422)
    #expect(box.lines.withLock { $0 } == ["-:0 other:-1", "-:1 other:1", "other:0"])
  }

  private final class Box: Sendable {
    let lines = Mutex<[String]>([])
  }

  @Test func siblingsAnswer() throws {
    let running = try RunningServer()
    #expect(try running.get("/healthz").body == "ok\n")
    #expect(try running.get("/readyz").body == "ready\n")
    let models = try JSONValue(parsing: running.get("/v1/models").body)
    #expect(models["data"]?[0]?["id"]?.stringValue == "words")
    let document = try JSONValue(parsing: running.get("/openapi.json").body)
    #expect(document["openapi"]?.stringValue == "3.1.0")
    let metrics = try running.get("/metrics")
    #expect(metrics.status == 404)
    #expect(metrics.body.contains("admin listener"))
    let wrong = try running.get("/predict")
    #expect(wrong.status == 405)
    #expect(wrong.fields["allow"] == "OPTIONS, POST")
  }

  @Test func readinessFollowsItsHook() throws {
    let running = try RunningServer(WordPredictor(), { _, hooks in hooks.isReady = { false } })
    let answer = try running.get("/readyz")
    #expect(answer.status == 503)
    #expect(answer.fields["retry-after"] == "1")
  }

  @Test(arguments: LogFormat.allCases)
  func accessLogHasTheRequestButNeverItsText(_ format: LogFormat) throws {
    let path = NSTemporaryDirectory() + "martlet-access-\(UUID().uuidString)"
    defer { unlink(path) }
    let running = try RunningServer(
      WordPredictor(), { _, _ in }, accessLog: try AccessLog(path: path, format: .fields(format)))
    let fields = "X-Request-Id: r-7\r\n"
    _ = try running.post("/predict?q=secret", Array(#"{"input":"secret"}"#.utf8), fields: fields)
    var lines = ""
    _ = BuiltMartlet.wait {
      lines = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
      return !lines.isEmpty
    }
    #expect(lines.contains("r-7"))
    #expect(lines.contains("/predict"))
    #expect(lines.contains("200"))
    #expect(!lines.contains("secret"))
    if format == .json { #expect(throws: Never.self) { try JSONValue(parsing: lines) } }
  }
}

@Suite struct AdminServerTests {
  @Test func aTokenIsAskedForWhereOneIsSet() throws {
    let listener = LoopbackListener()
    let server = try AdminServer(
      listeners: [listener.descriptor], token: "s3cret",
      pages: ["/metrics": { _ in .text(.ok, "up 1\n") }])
    server.start()
    defer { server.drain(deadline: 0) { close(listener.descriptor) } }
    func status(_ authorization: String) throws -> Int {
      let client = LoopbackClient(port: listener.port)
      client.send("GET /metrics HTTP/1.1\r\nHost: a\r\n\(authorization)\r\n")
      return try #require(client.readAnswer()).status
    }
    #expect(try status("") == 401)
    #expect(try status("Authorization: Bearer s3cre\r\n") == 401)
    #expect(try status("Authorization: Bearer s3crets3cret\r\n") == 401)
    #expect(try status("Authorization: Bearer s3cret\r\n") == 200)
  }
}
