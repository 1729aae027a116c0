import Foundation
import JSON
import LoopbackClient
import Serving
import Testing
import Transformer

/// Tasks whose inputs or parameters are more than a text, over HTTP. The models are the tiny ones of TransformerTests.
@Suite("Tasks over HTTP")
struct TaskAPITests {
  private func serve(_ name: String) throws -> RunningServer {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("TransformerTests/Fixtures/tasks/\(name)")
    return try RunningServer(TextModel.load(directory: folder.path))
  }

  private func json(_ answer: LoopbackClient.Answer) throws -> JSONValue {
    try JSONValue(parsing: Array(answer.body.utf8))
  }

  @Test("Entities are spans with places, whose unit is said, and tokens where they are asked for")
  func entities() throws {
    let running = try serve("bert-entities")
    let text = "Angela Merkel zahlte 5.975,74 Euro in Bad-Homburg."
    let answer = try json(running.post("/predict", #"{"input": "\#(text)"}"#))
    let spans = try #require(answer["prediction"]?.arrayValue)
    #expect(!spans.isEmpty && answer["offset_unit"] == "unicode code points")
    let scalars = Array(text.unicodeScalars)
    for span in spans {
      let range = try #require(span["start"]?.intValue)..<(try #require(span["end"]?.intValue))
      var part = String.UnicodeScalarView()
      part.append(contentsOf: scalars[range])
      #expect(span["text"]?.stringValue == String(part))
    }
    let list = try json(
      running.post("/predict", #"{"input": ["\#(text)"], "parameters": {"aggregation": "none"}}"#))
    #expect((list["prediction"]?[0]?.arrayValue?.count ?? 0) > spans.count)
    #expect(list["prediction"]?[0]?[0]?["token"] != nil)
    let infer = try running.post(
      "/v2/models/bert-entities/infer",
      #"{"inputs":[{"name":"text","shape":[1],"datatype":"BYTES","data":["\#(text)"]}],"parameters":{"aggregation":"max","priority":1}}"#
    )
    #expect(infer.status == 200 && infer.body.contains(#""name":"spans""#), "\(infer.body)")
  }

  @Test("Questions have their own input, in every protocol, and one answer or several")
  func questions() throws {
    let running = try serve("bert-answers")
    let input = #"{"question": "Who?", "context": "Anna lives in Berlin."}"#
    let one = try json(running.post("/predict", #"{"input": \#(input)}"#))
    #expect(one["prediction"]?["answer"]?.stringValue?.isEmpty == false)
    let several = try json(
      running.post("/predict", #"{"input": [\#(input), \#(input)], "top_k": 3}"#))
    #expect(several["prediction"]?[1]?.arrayValue?.count == 3)
    #expect(several["prediction"]?[1]?[0]?["answer"] == one["prediction"]?["answer"])
    let rows = try running.post(
      "/v1/models/bert-answers:predict", #"{"instances": [\#(input)]}"#)
    #expect(rows.status == 200 && rows.body.contains(#""answer":"#), "\(rows.body)")
    let infer = try running.post(
      "/v2/models/bert-answers/infer",
      #"{"inputs":[{"name":"question","shape":[1],"datatype":"BYTES","data":["Who?"]},"#
        + #"{"name":"context","shape":[1],"datatype":"BYTES","data":["Anna lives in Berlin."]}]}"#)
    #expect(infer.status == 200, "\(infer.body)")
    #expect(try running.get("/v2/models/bert-answers").body.contains(#""name":"context""#))
  }

  @Test("Candidate labels stand beside the input or in parameters, and not in both")
  func candidates() throws {
    let running = try serve("bert-entailment")
    let labels = #""candidate_labels": ["sports", "politics"]"#
    let beside = try json(running.post("/predict", #"{"input": "Anna", \#(labels)}"#))
    let inside = try json(
      running.post("/predict", #"{"input": "Anna", "parameters": {\#(labels)}}"#))
    #expect(beside == inside && beside["prediction"]?["scores"]?.arrayValue?.count == 2)
    let both = try running.post(
      "/predict", #"{"input": "Anna", \#(labels), "parameters": {\#(labels)}}"#)
    #expect(both.status == 422 && both.body.contains("/parameters/candidate_labels"))
    #expect(
      try json(running.post("/predict", #"{"input": "Anna", "parameters": null}"#))["prediction"]?
        .stringValue != nil)
    // 256 labels of a text each, of 256 texts, are more than one request may ask.
    let many = (0..<256).map { #""label \#($0)""# }.joined(separator: ",")
    let texts = (0..<256).map { _ in #""Anna""# }.joined(separator: ",")
    let whole = try running.post(
      "/predict", #"{"input": [\#(texts)], "candidate_labels": [\#(many)]}"#)
    #expect(whole.status == 422 && whole.body.contains("tokens"), "\(whole.body)")
  }

  @Test(
    "What cannot be right is 422, and says where",
    arguments: [
      ("bert-answers", #"{"input": "a text"}"#, "/input"),
      ("bert-answers", #"{"input": {"question": "Who?"}}"#, "/input"),
      ("bert-answers", #"{"input": {"question": "Who?", "context": ""}}"#, "/input/context"),
      ("bert-answers", #"{"input": [{"question": 5, "context": "a"}]}"#, "/input/0/question"),
      (
        "bert-answers", #"{"input": {"question": "W", "context": "a", "more": 1}}"#, "/input/more"
      ),
      ("bert-answers", #"{"input": {"question": "W", "context": "a"}, "top_k": 0}"#, "/top_k"),
      (
        "bert-answers",
        #"{"input": {"question": "W", "context": "a"}, "parameters": {"topk": 1}}"#,
        "/parameters/topk"
      ),
      ("bert-entities", #"{"input": "a", "aggregation": "best"}"#, "/aggregation"),
      ("bert-entities", #"{"input": "a", "parameters": []}"#, "/parameters"),
      ("bert-entities", #"{"input": "a", "candidate_labels": ["a"]}"#, "/candidate_labels"),
      ("bert-entailment", #"{"input": "a", "candidate_labels": []}"#, "/candidate_labels"),
      (
        "bert-entailment", #"{"input": "a", "parameters": {"candidate_labels": ["a", "a"]}}"#,
        "/parameters/candidate_labels/1"
      ),
      (
        "bert-entailment",
        #"{"input": {"text": "a", "text_pair": "b"}, "candidate_labels": ["a"]}"#, "/input"
      ),
    ])
  func refusals(model: String, body: String, pointer: String) throws {
    let answer = try serve(model).post("/predict", body)
    #expect(answer.status == 422, "\(answer.body)")
    let problem = try json(answer)
    #expect(problem["pointer"]?.stringValue == pointer, "\(answer.body)")
    #expect(problem["mend"]?.stringValue?.isEmpty == false)
  }

  @Test("A context of a megabyte is refused or answered in bounded time, and a long one in windows")
  func longContexts() throws {
    let running = try serve("bert-answers")
    let long = String(repeating: "Anna lives in Berlin. ", count: 50)
    let answer = try running.post(
      "/predict", #"{"input": {"question": "Who?", "context": "\#(long)"}}"#)
    #expect(answer.status == 200 && !answer.body.contains("truncated"))
    let huge = String(repeating: "Anna lives in Berlin. ", count: 50_000)
    let refused = try running.post(
      "/predict", #"{"input": {"question": "Who?", "context": "\#(huge)"}}"#)
    #expect(refused.status == 422 && refused.body.contains("tokens"), "\(refused.status)")
    let question = String(repeating: "why ", count: 100)
    let crowded = try running.post(
      "/predict", #"{"input": {"question": "\#(question)", "context": "\#(long)"}}"#)
    #expect(crowded.status == 422 && crowded.body.contains("no room"), "\(crowded.body)")
  }

  @Test(
    "The examples of the description are answered by the model that is served",
    arguments: ["bert-entities", "bert-answers", "bert-entailment"])
  func examples(model: String) throws {
    let running = try serve(model)
    let document = try json(running.get("/openapi.json"))
    var count = 0
    for path in ["/predict", "/v2/models/{model}/infer", "/v1/models/{model}:predict"] {
      let body = document["paths"]?[path]?["post"]?["requestBody"]?["content"]?["application/json"]
      let examples = try #require(body?["examples"]?.objectValue)
      for (name, example) in zip(examples.keys, examples.values) {
        let answer = try running.post(
          path.replacing("{model}", with: model), (example["value"] ?? .null).serialized())
        #expect(answer.status == 200, "\(path) \(name): \(answer.body)")
        count += 1
      }
    }
    #expect(count >= 6)
  }
}
