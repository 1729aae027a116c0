import Foundation
import JSON
import LoopbackClient
import Serving
import Testing
import Transformer

/// A cross-encoder whose output is the length of the second text, less 2.
final class LengthPredictor: Predictor {
  let name = "lengths"
  let labels = ["score"]
  let maximumTokens = 8
  let task = ModelTask.regression

  func predict(_ inputs: [EncodedInput]) -> [Result<Prediction, PredictionError>] {
    inputs.map {
      .success(
        Prediction(
          value: .scores([Float(($0.input.pair ?? "").count) - 2]), tokenCount: 3,
          unknownTokenCount: 0, isTruncated: ($0.input.pair ?? "").count > 1000))
    }
  }
}

/// Embeds a text as (count of `a`, count of `b`), and cuts what is longer than 1,000 bytes.
final class LetterPredictor: Predictor {
  let name = "letters"
  let labels: [String] = []
  let maximumTokens = 8
  let embeddingDimension = 2
  let task = ModelTask.embedding

  func predict(_ inputs: [EncodedInput]) -> [Result<Prediction, PredictionError>] {
    inputs.map { input in
      let text = input.input.text
      return .success(
        Prediction(
          value: .vector(["a", "b"].map { letter in Float(text.filter { $0 == letter }.count) }),
          tokenCount: 2, unknownTokenCount: 0, isTruncated: text.utf8.count > 1000))
    }
  }
}

/// What other servers' clients send, byte for byte, and what they read of the answers. Tests/Clients drives the clients themselves.
@Suite struct DialectTests {
  private let running: RunningServer

  init() throws {
    running = try RunningServer([
      ServedVersion(WordPredictor(), name: "words", version: "3"),
      ServedVersion(LetterPredictor(), name: "org/letters:v1.5", version: "1", isDefault: false),
      ServedVersion(LengthPredictor(), name: "ranks", version: "1", isDefault: false),
    ])
  }

  private func json(_ answer: LoopbackClient.Answer) throws -> JSONValue {
    try JSONValue(parsing: answer.body)
  }

  private func ask(_ path: String, _ body: String) throws -> JSONValue {
    let answer = try running.post(path, body)
    #expect(answer.status == 200, "\(path): \(answer.body)")
    return try json(answer)
  }

  // MARK: - Names

  @Test(arguments: ["org/letters:v1.5", "org%2Fletters:v1.5", "org%2Fletters%3Av1.5"])
  func aNameWithSlashAndColonStandsInEveryPath(_ name: String) throws {
    #expect(try json(running.get("/v1/models/\(name)"))["id"] == "org/letters:v1.5")
    #expect(try json(running.get("/v2/models/\(name)"))["name"] == "org/letters:v1.5")
    #expect(try running.get("/v2/models/\(name)/ready").status == 200)
    #expect(try running.get("/v2/models/\(name)/versions/1/ready").status == 200)
    #expect(try running.get("/v1/models/\(name)/metadata").status == 200)
    let answer = try running.post("/models/\(name)/predict", #"{"input":"ab"}"#)
    #expect(answer.fields["x-model-version"] == "org/letters:v1.5/1")
    #expect(
      try ask("/v1/models/\(name):predict", #"{"instances":["aab"]}"#) == ["predictions": [[2, 1]]])
    let tensor = #"{"inputs":[{"name":"text","shape":[1],"datatype":"BYTES","data":["aab"]}]}"#
    for path in ["/v2/models/\(name)/infer", "/v2/models/\(name)/versions/1/infer"] {
      #expect(try ask(path, tensor)["outputs"]?[0]?["data"] == [2, 1])
    }
    #expect(try ask("/models/\(name)", #"{"inputs":["aa"]}"#) == [[1, 0]])
  }

  @Test func aNameThatNobodyHasIsToldWithThoseThatThereAre() throws {
    for path in ["/v1/models/org/none", "/v2/models/none/versions/1", "/v1/models/a%2Fb"] {
      let answer = try running.get(path)
      #expect(answer.status == 404)
      #expect(answer.body.contains("words, org/letters:v1.5, ranks"), "\(path): \(answer.body)")
    }
    for (path, body) in [
      ("/v1/embeddings", #"{"model":"none","input":"a"}"#),
      ("/v2/rerank", #"{"model":"none","query":"q","documents":["a"]}"#),
      ("/v2/embed", #"{"model":"none","texts":["a"]}"#),
      ("/classify", #"{"model":"none","input":"a"}"#), ("/models/none/x", #"{"inputs":"a"}"#),
    ] {
      let answer = try running.post(path, body)
      #expect(answer.status == 404)
      #expect(answer.body.contains("words, org/letters:v1.5, ranks"), "\(path): \(answer.body)")
    }
    // Of another kind: those of the right one are told.
    let answer = try running.post("/v2/rerank", #"{"model":"words","query":"q","documents":["a"]}"#)
    #expect(answer.status == 400)
    #expect(answer.body.contains("ranks, org/letters:v1.5"))
  }

  // MARK: - /

  @Test func theRootIsAPageForBrowsersAndJSONForPrograms() throws {
    let browser = try running.get(
      "/", "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n")
    #expect(browser.fields["content-type"] == "text/html; charset=utf-8")
    #expect(browser.body.contains("<td>org/letters:v1.5</td>"))
    #expect(browser.body.contains("href=\"/docs\""))
    for accept in ["", "Accept: */*\r\n", "Accept: application/json, text/html;q=0\r\n"] {
      let program = try running.get("/", accept)
      #expect(program.fields["content-type"] == "application/json")
      let models = try json(program)["models"]
      #expect(models?[0]?["task"] == "text-classification")
      #expect(models?[1]?["predict"] == "/models/org/letters:v1.5/predict")
    }
  }

  // MARK: - What is common

  @Test func membersThatAreNotKnownAreNamedAndNullsAreAsGoodAsMissing() throws {
    for (path, body) in [
      (
        "/v1/embeddings",
        #"{"model":"org/letters:v1.5","input":"a","user":null,"dimensions":null,"strange":1,"other":null}"#
      ),
      (
        "/embed",
        #"{"inputs":"a","truncate":null,"prompt_name":null,"dimensions":null,"strange":1}"#
      ),
      ("/rerank", #"{"query":"q","texts":["a"],"truncate":null,"strange":[]}"#),
      ("/v2/embed", #"{"texts":["a"],"truncate":null,"strange":1}"#),
      ("/v2/rerank", #"{"query":"q","documents":["a"],"top_n":null,"strange":1}"#),
      ("/classify", #"{"input":"a","user":null,"strange":1}"#),
      ("/models/words", #"{"inputs":"a","parameters":{"strange":1}}"#),
    ] {
      let answer = try running.post(path, body)
      #expect(answer.status == 200, "\(path): \(answer.body)")
      #expect(answer.fields["x-ignored-members"] == "strange", "\(path)")
    }
    let odd = try running.post("/embed", #"{"inputs":"a","é\r\nX: y":1}"#)
    #expect(odd.fields["x-ignored-members"] == "????X:?y")
    #expect(odd.fields["x"] == nil)
  }

  @Test func aTextThatIsTooLongIsCutAndToldOrRefused() throws {
    let long = String(repeating: "a", count: 1001)
    for (path, body, isRefused) in [
      ("/embed", #"{"inputs":"\#(long)"}"#, false),
      ("/embed", #"{"inputs":"\#(long)","truncate":false}"#, true),
      ("/v1/embeddings", #"{"model":"org/letters:v1.5","input":"\#(long)"}"#, false),
      ("/v2/embed", #"{"texts":["\#(long)"],"truncate":"NONE"}"#, true),
      ("/rerank", #"{"query":"q","texts":["\#(long)"]}"#, false),
      ("/rerank", #"{"query":"q","texts":["\#(long)"],"truncate":false}"#, true),
      ("/classify", #"{"input":"\#(long)"}"#, true),
      ("/classify", #"{"input":"\#(long)","truncate_prompt_tokens":-1}"#, false),
      ("/predict", #"{"inputs":"\#(long)","truncate":false}"#, true),
    ] {
      let answer = try running.post(path, body)
      #expect(answer.status == (isRefused ? 413 : 200), "\(path): \(answer.body)")
      #expect(answer.fields["x-input-truncated"] == (isRefused ? nil : "true"), "\(path)")
    }
  }

  /// What Java's HttpClient, and so Spring's, sends with its first request: an offer of HTTP/2, which may be declined by silence
  /// (RFC 9113 section 3.1 has withdrawn it).
  @Test func anOfferOfHTTP2IsAnsweredInHTTP11() throws {
    let body = #"{"inputs":"spam"}"#
    let client = running.client
    for _ in 0..<2 {
      client.send(
        "POST /predict HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nContent-Length: \(body.utf8.count)\r\nHost: a\r\nHTTP2-Settings: AAEAAEAAAAIAAAAAAAMAAAAAAAQBAAAAAAUAAEAABgAGAAA\r\nUpgrade: h2c\r\nUser-Agent: Java-http-client/21.0.2\r\nContent-Type: application/json\r\n\r\n\(body)"
      )
      let answer = try #require(client.readAnswer())
      #expect(answer.status == 200)
      #expect(answer.body.hasPrefix(#"[{"label":"spam""#))
      #expect(answer.fields["connection"]?.lowercased() != "close")
    }
  }

  // MARK: - OpenAI

  @Test func tokenIdsAreRefusedWithTheSwitchThatSendsTexts() throws {
    let answer = try running.post(
      "/v1/embeddings",
      #"{"model":"org/letters:v1.5","input":[[1820,374]],"encoding_format":"base64"}"#)
    #expect(answer.status == 400)
    #expect(answer.body.contains("check_embedding_ctx_length=False"))
    #expect(try json(answer)["error"]?["param"] == "input")
  }

  // MARK: - Cohere

  @Test func embedGivesVectorsByType() throws {
    let body =
      #"{"texts":["aab"],"model":"org/letters:v1.5","input_type":"search_query","embedding_types":["float","base64"]}"#
    let answer = try ask("/v2/embed", body)
    let floats: JSONValue = [[2, 1]]
    #expect(answer["embeddings"]?["float"] == floats)
    let bytes = Data([0, 0, 0, 0x40, 0, 0, 0x80, 0x3F])
    #expect(answer["embeddings"]?["base64"] == [JSONValue(bytes.base64EncodedString())])
    #expect(answer["texts"] == ["aab"])
    #expect(answer["meta"]?["billed_units"]?["input_tokens"] == 2)
    #expect(answer["id"]?.stringValue?.isEmpty == false)
    let old = try ask(
      "/v1/embed", #"{"texts":["aab"],"model":"org/letters:v1.5","input_type":"search_document"}"#)
    #expect(old["response_type"] == "embeddings_floats")
    #expect(old["embeddings"] == floats)
    let inputs = #"{"inputs":[{"content":[{"type":"text","text":"aab"}]}],"output_dimension":1}"#
    let short = try #require(ask("/v2/embed", inputs)["embeddings"]?["float"]?[0]?[0]?.doubleValue)
    #expect(abs(short - 5.0.squareRoot()) < 1e-6)
  }

  @Test func rerankGivesTheBestWithTheirDocumentsWhereTheDialectHasThem() throws {
    let body = #"{"model":"ranks","query":"q","documents":["a",{"text":"bbb"},"cc"],"top_n":2}"#
    let bare = try ask("/v2/rerank", body)
    #expect(bare["results"]?[1] == ["index": 2, "relevance_score": 0.5])
    #expect(bare["results"]?.arrayValue?.count == 2)
    #expect(bare["usage"]?["total_tokens"] == 9)
    for path in ["/rerank", "/v1/rerank"] {
      let answer = try ask(path, body)
      #expect(answer["model"] == "ranks")
      #expect(answer["results"]?[0]?["index"] == 1)
      #expect(answer["results"]?[0]?["document"] == ["text": "bbb"])
    }
    // Unnamed: the cross-encoder, though an embedding model stands before it.
    let first = try running.post("/rerank", #"{"query":"q","texts":["a"]}"#)
    #expect(first.fields["x-model-version"] == "ranks/1")
    // Of an embedding model: the cosine of vectors.
    let cosines = try ask(
      "/v2/rerank", #"{"model":"org/letters:v1.5","query":"a","documents":["b","aa","ab"]}"#)
    #expect(cosines["results"]?.arrayValue?.compactMap { $0["index"]?.intValue } == [1, 2, 0])
    #expect(cosines["results"]?[0]?["relevance_score"] == 1)
    #expect(cosines["results"]?[2]?["relevance_score"] == 0)
  }

  @Test(arguments: [
    ("/v2/embed", #"{"texts":[]}"#), ("/v2/embed", #"{"images":["data:"]}"#),
    ("/v2/embed", #"{"texts":["a"],"input_type":"other"}"#),
    ("/v2/embed", #"{"texts":["a"],"embedding_types":["other"]}"#),
    ("/v2/embed", #"{"texts":["a"],"output_dimension":3}"#),
    ("/v2/rerank", #"{"query":"q"}"#), ("/v2/rerank", #"{"query":"q","documents":"a"}"#),
    ("/v2/rerank", #"{"query":"q","documents":[""]}"#), ("/v1/rerank", #"{"documents":["a"]}"#),
    ("/v1/rerank", #"{"query":"q","documents":[{"title":"a"}],"rank_fields":["title"]}"#),
  ])
  func errorsAreReadByCoheresAndJinasClients(_ path: String, _ body: String) throws {
    let answer = try running.post(path, body)
    #expect(answer.status == 422)
    let error = try json(answer)
    #expect(error["message"]?.stringValue?.isEmpty == false)
    #expect(error["detail"] == error["message"])
  }

  // MARK: - text-embeddings-inference

  @Test func predictTakesTextsAndPairsAsInputs() throws {
    let spam: JSONValue = [["label": "spam", "score": 0.75], ["label": "ham", "score": 0.25]]
    let ham: JSONValue = [["label": "ham", "score": 0.75], ["label": "spam", "score": 0.25]]
    #expect(try ask("/predict", #"{"inputs":"spam"}"#) == spam)
    #expect(try ask("/predict", #"{"inputs":["x","spam"]}"#) == spam)
    #expect(
      try ask("/predict", #"{"inputs":[["spam"],["a","b"],["a","spam"]],"raw_scores":false}"#)
        == [spam, ham, spam])
    let bad = try running.post("/predict", #"{"inputs":["a","b","c"]}"#)
    #expect(bad.status == 422)
    #expect(try json(bad)["error_type"] == "Validation")
    #expect(try running.post("/models/ranks/predict", #"{"inputs":"a"}"#).status == 400)
  }

  @Test func similarityGivesCosines() throws {
    let body = #"{"inputs":{"source_sentence":"a","sentences":["b","aa"]},"parameters":{}}"#
    #expect(try ask("/similarity", body) == [0, 1])
    #expect(try ask("/models/org/letters:v1.5/pipeline/sentence-similarity", body) == [0, 1])
    #expect(try running.post("/similarity", #"{"inputs":{"sentences":["b"]}}"#).status == 422)
  }

  @Test func embedCutsVectorsToDimensionsBeforeItNormalizes() throws {
    #expect(try ask("/embed", #"{"inputs":"aab","dimensions":1}"#) == [[1]])
    #expect(try ask("/embed", #"{"inputs":"aab","dimensions":1,"normalize":false}"#) == [[2]])
    #expect(try running.get("/health").status == 200)
    // What is known and not offered is refused, since it would make another answer.
    for member in [#""prompt_name":"query""#, #""truncation_direction":"Left""#] {
      #expect(try running.post("/embed", #"{"inputs":"a",\#(member)}"#).status == 422)
    }
    #expect(
      try running.post("/embed", #"{"inputs":"a","truncation_direction":"Right"}"#).status == 200)
  }

  // MARK: - vLLM

  @Test func classifyScoreAndPoolingAreThoseOfVLLM() throws {
    let classes = try ask("/classify", #"{"model":"words","input":["spam","b"]}"#)
    #expect(
      classes["data"] == [
        ["index": 0, "label": "spam", "probs": [0.25, 0.75], "num_classes": 2],
        ["index": 1, "label": "ham", "probs": [0.75, 0.25], "num_classes": 2],
      ])
    #expect(classes["usage"] == ["prompt_tokens": 6, "total_tokens": 6])
    for path in ["/score", "/v1/score"] {
      for body in [
        #"{"model":"ranks","queries":"q","documents":["cc","bbb"]}"#,
        #"{"model":"ranks","text_1":["q","r"],"text_2":["cc","bbb"]}"#,
      ] {
        let scores = try ask(path, body)["data"]
        #expect(scores?[0] == ["index": 0, "object": "score", "score": 0.5])
        #expect(abs((scores?[1]?["score"]?.doubleValue ?? 0) - 1 / (1 + exp(-1))) < 1e-6)
      }
    }
    #expect(
      try ask("/pooling", #"{"model":"org/letters:v1.5","input":"aab"}"#)["data"]
        == [["index": 0, "object": "pooling", "data": [2, 1]]])
    #expect(
      try ask("/pooling", #"{"model":"words","input":"b","task":"classify"}"#)["data"]
        == [["index": 0, "object": "pooling", "data": [0.75, 0.25]]])
    for (path, body) in [
      ("/score", #"{"text_1":["a","b"],"text_2":["a"]}"#), ("/score", #"{"text_1":"a"}"#),
      ("/classify", #"{"input":"a","use_activation":false}"#),
      ("/classify", #"{"input":[1,2]}"#), ("/pooling", #"{"input":"a","task":"token_embed"}"#),
      ("/classify", #"{"input":"a","truncate_prompt_tokens":4}"#),
    ] {
      let answer = try running.post(path, body)
      #expect(answer.status == 400, "\(path): \(answer.body)")
      #expect(try json(answer)["error"]?["message"]?.stringValue?.isEmpty == false)
    }
  }

  // MARK: - Hugging Face's inference API

  @Test func theInferenceAPIAnswersByTheModelsTask() throws {
    for path in ["/", "/models/words", "/models/words/pipeline/text-classification"] {
      #expect(
        try ask(path, #"{"inputs":"spam","parameters":{"top_k":1}}"#)
          == [[["label": "spam", "score": 0.75]]])
    }
    #expect(
      try ask(
        "/pipeline/feature-extraction/org/letters:v1.5", #"{"inputs":["aa"],"normalize":false}"#)
        == [[2, 0]])
    let inner = try running.post(
      "/models/org/letters:v1.5", #"{"inputs":["aa"],"parameters":{"normalize":false,"x":1}}"#)
    #expect(try json(inner) == [[2, 0]])
    #expect(inner.fields["x-ignored-members"] == "x")
    let other = try running.post(
      "/models/words/pipeline/feature-extraction", #"{"inputs":["aa"]}"#)
    #expect(other.status == 400)
    #expect(other.body.contains("text-classification"))
    let wrong = try running.post(
      "/models/words", #"{"inputs":"a","parameters":{"function_to_apply":"none"}}"#)
    #expect(wrong.status == 422)
    #expect(wrong.body.contains("/parameters/function_to_apply"))
  }
}
