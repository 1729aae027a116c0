import Foundation
import JSON
import LoopbackClient
import Serving
import Testing
import Transformer

/// The wire formats of other servers, by their published descriptions: KServe's Open Inference Protocol, TensorFlow
/// Serving's REST API, OpenAI's and Hugging Face's. Tests/Clients drives the same with those projects' own clients.
@Suite struct ProtocolTests {
  private static func server() throws -> RunningServer {
    try RunningServer([
      ServedVersion(WordPredictor(), name: "words", version: "3"),
      ServedVersion(
        ConstantPredictor(.embedding, .vector([3, 0, 4]), labels: []), name: "vectors",
        version: "1",
        isDefault: false),
      ServedVersion(
        ConstantPredictor(.regression, .scores([0]), labels: ["score"]), name: "ranks",
        version: "1",
        isDefault: false),
    ])
  }

  private let running: RunningServer

  init() throws { running = try Self.server() }

  private func json(_ answer: LoopbackClient.Answer) throws -> JSONValue {
    try JSONValue(parsing: answer.body)
  }

  // MARK: - Open Inference Protocol

  @Test func inferAnswersWithTensorsAndTheRequestsId() throws {
    for data in [#"["x spam","y"]"#, #"[["x spam"],["y"]]"#] {
      let shape = data.hasPrefix("[[") ? "[2,1]" : "[2]"
      let answer = try running.post(
        "/v2/models/words/infer",
        #"{"id":"q-1","inputs":[{"name":"text","shape":\#(shape),"datatype":"BYTES","data":\#(data)}]}"#
      )
      #expect(answer.status == 200)
      #expect(answer.fields["x-model-version"] == "words/3")
      let expected: JSONValue = [
        "model_name": "words", "model_version": "3", "id": "q-1",
        "outputs": [
          ["name": "label", "datatype": "BYTES", "shape": [2], "data": ["spam", "ham"]],
          [
            "name": "scores", "datatype": "FP32", "shape": [2, 2],
            "data": [0.25, 0.75, 0.75, 0.25],
          ],
        ],
      ]
      #expect(try json(answer) == expected)
    }
  }

  @Test func inferGivesTheOutputsAskedForAndTakesPairs() throws {
    let answer = try running.post(
      "/v2/models/words/versions/3/infer",
      #"""
      {"inputs":[{"name":"text","shape":[1],"datatype":"BYTES","data":["a"]},
        {"name":"text_pair","shape":[1],"datatype":"BYTES","data":["spam"]}],
       "outputs":[{"name":"label"}]}
      """#)
    let outputs = try json(answer)["outputs"]
    #expect(outputs?.arrayValue?.count == 1)
    #expect(outputs?[0]?["data"] == ["spam"])
  }

  @Test func inferSpeaksTheBinaryTensorExtension() throws {
    let text = Array("a spam ☎".utf8)
    let tail = withUnsafeBytes(of: UInt32(text.count).littleEndian) { Array($0) } + text
    let head = Array(
      #"{"inputs":[{"name":"text","shape":[1],"datatype":"BYTES","parameters":{"binary_data_size":\#(tail.count)}}],"parameters":{"binary_data_output":true}}"#
        .utf8)
    let client = running.client
    client.send(
      Array(
        "POST /v2/models/words/infer HTTP/1.1\r\nHost: a\r\nContent-Type: application/octet-stream\r\nInference-Header-Content-Length: \(head.count)\r\nContent-Length: \(head.count + tail.count)\r\n\r\n"
          .utf8) + head + tail)
    let answer = try #require(client.readAnswer())
    #expect(answer.status == 200)
    let length = try #require(Int(answer.fields["inference-header-content-length"] ?? ""))
    let json = String(answer.body.prefix(length))
    let outputs = try JSONValue(parsing: json)["outputs"]
    #expect(outputs?[0]?["parameters"]?["binary_data_size"] == 8)
    #expect(outputs?[1]?["parameters"]?["binary_data_size"] == 8)
    // 0.25 and 0.75 in little-endian IEEE 754; the test's client shows bytes that are not UTF-8 as U+FFFD.
    let expected = [4, 0, 0, 0] + Array("spam".utf8) + [0, 0, 0x80, 0x3E] + [0, 0, 0x40, 0x3F]
    #expect(answer.body == json + String(decoding: expected, as: UTF8.self))
  }

  @Test(arguments: [
    #"{"inputs":[]}"#, #"{"inputs":[5]}"#, "{}",
    #"{"inputs":[{"name":"other","shape":[1],"datatype":"BYTES","data":["a"]}]}"#,
    #"{"inputs":[{"name":"text","shape":[2],"datatype":"BYTES","data":["a"]}]}"#,
    #"{"inputs":[{"name":"text","shape":[1,2],"datatype":"BYTES","data":["a","b"]}]}"#,
    #"{"inputs":[{"name":"text","shape":[1],"datatype":"FP32","data":[1]}]}"#,
    #"{"inputs":[{"name":"text","shape":[1],"datatype":"BYTES","data":[""]}]}"#,
    #"{"inputs":[{"name":"text","shape":[1],"datatype":"BYTES","data":["a"],"parameters":{"binary_data_size":4}}]}"#,
    #"{"inputs":[{"name":"text","shape":[1],"datatype":"BYTES","data":["a"]}],"outputs":[{"name":"x"}]}"#,
    #"{"inputs":[{"name":"text","shape":[1],"datatype":"BYTES","data":["a"]}],"id":5}"#,
  ])
  func inferTellsErrorsInItsProtocolsShape(_ body: String) throws {
    let answer = try running.post("/v2/models/words/infer", body)
    #expect(answer.status == 400)
    #expect(answer.fields["content-type"] == "application/json")
    let error = try json(answer)
    #expect(error["error"]?.stringValue?.isEmpty == false)
    #expect(error.objectValue?.count == 1)
  }

  @Test func metadataNamesInputsOutputsAndVersions() throws {
    let words = try json(running.get("/v2/models/words"))
    #expect(words["versions"] == ["3"])
    #expect(words["inputs"] == [["name": "text", "datatype": "BYTES", "shape": [-1]]])
    #expect(words["outputs"]?[1]?["shape"] == [-1, 2])
    let vectors = try json(running.get("/v2/models/vectors/versions/1"))
    #expect(
      vectors["outputs"] == [["name": "embedding", "datatype": "FP32", "shape": [-1, 3]]])
    #expect(try json(running.get("/v2"))["extensions"] == ["binary_tensor_data"])
    #expect(try json(running.get("/v2/health/live")) == ["live": true])
    #expect(try json(running.get("/v2/health/ready")) == ["ready": true])
    #expect(try json(running.get("/v2/models/words/ready")) == ["name": "words", "ready": true])
    for path in ["/v2/models/none", "/v2/models/words/versions/4", "/v2/models/none/ready"] {
      let answer = try running.get(path)
      #expect(answer.status == 404)
      #expect(try json(answer)["error"]?.stringValue?.isEmpty == false)
    }
  }

  // MARK: - TensorFlow Serving

  @Test func predictHasARowAndAColumnForm() throws {
    let rows = try running.post(
      "/v1/models/words:predict",
      #"{"signature_name":"serving_default","instances":["spam",{"text":"a","text_pair":"b"},{"b64":"c3BhbQ=="}]}"#
    )
    let spam: JSONValue = ["label": "spam", "scores": [0.25, 0.75]]
    let ham: JSONValue = ["label": "ham", "scores": [0.75, 0.25]]
    #expect(try json(rows) == ["predictions": [spam, ham, spam]])
    for inputs in [#"["spam","a"]"#, #"{"text":["spam","a"]}"#, #"[["spam"],["a"]]"#] {
      let columns = try running.post(
        "/v1/models/words/versions/3:predict", #"{"inputs":\#(inputs)}"#)
      #expect(
        try json(columns)
          == ["outputs": ["label": ["spam", "ham"], "scores": [[0.25, 0.75], [0.75, 0.25]]]])
    }
    // One output alone stands without its name.
    let vector = try running.post("/v1/models/vectors:predict", #"{"instances":["a"]}"#)
    #expect(try json(vector) == ["predictions": [[3, 0, 4]]])
    let score = try running.post("/v1/models/ranks:predict", #"{"inputs":["a"]}"#)
    #expect(try json(score) == ["outputs": [0]])
  }

  @Test(arguments: [
    "{}", #"{"instances":["a"],"inputs":["a"]}"#, #"{"instances":[]}"#, #"{"instances":[5]}"#,
    #"{"instances":["a"],"signature_name":"other"}"#, #"{"instances":[{"b64":"%"}]}"#,
    #"{"instances":[{"b64":"/w=="}]}"#, #"{"inputs":{"text":["a"],"text_pair":["b","c"]}}"#,
    #"{"inputs":{"words":["a"]}}"#, #"{"instances":[{"text":"a","more":1}]}"#,
  ])
  func predictTellsErrorsInItsProtocolsShape(_ body: String) throws {
    let answer = try running.post("/v1/models/words:predict", body)
    #expect(answer.status == 400)
    #expect(try json(answer)["error"]?.stringValue?.isEmpty == false)
  }

  @Test func statusAndMetadataAreThoseOfTensorFlowServing() throws {
    let status = try json(running.get("/v1/models/words"))["model_version_status"]?[0]
    #expect(status?["version"] == "3")
    #expect(status?["state"] == "AVAILABLE")
    #expect(status?["status"] == ["error_code": "OK", "error_message": ""])
    let metadata = try json(running.get("/v1/models/words/metadata"))
    #expect(metadata["model_spec"]?["version"] == "3")
    let signature = metadata["metadata"]?["signature_def"]?["signature_def"]?["serving_default"]
    #expect(signature?["inputs"]?["text"]?["dtype"] == "DT_STRING")
    #expect(try running.post("/v1/models/none:predict", #"{"instances":["a"]}"#).status == 404)
  }

  // MARK: - OpenAI

  @Test func embeddingsCountTokensAndKeepOrder() throws {
    let answer = try running.post("/v1/embeddings", #"{"model":"vectors","input":["a","b"]}"#)
    let expected: JSONValue = [
      "object": "list", "model": "vectors", "usage": ["prompt_tokens": 2, "total_tokens": 2],
      "data": [
        ["object": "embedding", "index": 0, "embedding": [3, 0, 4]],
        ["object": "embedding", "index": 1, "embedding": [3, 0, 4]],
      ],
    ]
    #expect(try json(answer) == expected)
  }

  @Test func embeddingsComeInBase64AndShortened() throws {
    let base64 = try running.post(
      "/v1/embeddings", #"{"model":"vectors","input":"a","encoding_format":"base64"}"#)
    let text = try #require(try json(base64)["data"]?[0]?["embedding"]?.stringValue)
    // 3, 0 and 4 in little-endian IEEE 754.
    #expect(
      Data(base64Encoded: text) == Data([0, 0, 0x40, 0x40, 0, 0, 0, 0, 0, 0, 0x80, 0x40]))
    // Two numbers of the length that three had: 5.
    let short = try running.post(
      "/v1/embeddings", #"{"model":"vectors","input":"a","dimensions":2}"#)
    #expect(try json(short)["data"]?[0]?["embedding"] == [5, 0])
  }

  @Test(arguments: [
    (#"{"input":"a"}"#, 400, "model"), (#"{"model":"none","input":"a"}"#, 404, "model"),
    (#"{"model":"words","input":"a"}"#, 400, "model"),
    (#"{"model":"vectors"}"#, 400, "input"), (#"{"model":"vectors","input":[]}"#, 400, "input"),
    (#"{"model":"vectors","input":[1,2]}"#, 400, "input"),
    (#"{"model":"vectors","input":"a","dimensions":4}"#, 400, "dimensions"),
    (#"{"model":"vectors","input":"a","encoding_format":"int8"}"#, 400, "encoding_format"),
  ])
  func embeddingsTellErrorsAsOpenAIDoes(
    _ body: String, _ status: Int, _ parameter: String
  ) throws {
    let answer = try running.post("/v1/embeddings", body)
    #expect(answer.status == status)
    let error = try json(answer)["error"]
    #expect(error?["type"] == "invalid_request_error")
    #expect(error?["param"] == JSONValue(parameter))
    #expect(error?["code"] == (status == 404 ? "model_not_found" : .null))
  }

  // MARK: - text-embeddings-inference

  @Test func embedGivesBareVectorsOfLengthOneUnlessAskedOtherwise() throws {
    let answer = try json(running.post("/embed", #"{"inputs":["a","b"]}"#))
    let first = answer[0]?.arrayValue?.compactMap(\.doubleValue) ?? []
    #expect(zip(first, [0.6, 0, 0.8]).allSatisfy { abs($0 - $1) < 1e-6 })
    #expect(answer.arrayValue?.count == 2)
    #expect(try json(running.post("/embed", #"{"inputs":"a","normalize":false}"#)) == [[3, 0, 4]])
    let bad = try running.post("/embed", #"{"inputs":5}"#)
    #expect(bad.status == 422)
    #expect(try json(bad)["error_type"] == "Validation")
  }

  @Test func infoSaysWhichModelAndHowMuchAtOnce() throws {
    let answer = try json(running.get("/info"))
    #expect(answer["model_id"] == "vectors")
    #expect(answer["model_type"] == ["embedding": [:]])
    #expect(answer["max_input_length"] == 8)
    #expect(answer["max_client_batch_size"] == 256)
    let classifier = try json(RunningServer(WordPredictor()).get("/info"))
    #expect(classifier["model_type"]?["classifier"]?["id2label"] == ["0": "ham", "1": "spam"])
    let ranks = try RunningServer(ConstantPredictor(.regression, .scores([0, 1]))).get("/info")
    #expect(ranks.status == 404)
  }

  @Test func rerankOrdersByScore() throws {
    let running = try RunningServer(LengthPredictor())
    let body = #"{"query":"q","texts":["a","bbb","cc"],"raw_scores":true,"return_text":true}"#
    #expect(
      try json(running.post("/rerank", body)) == [
        ["index": 1, "score": 1, "text": "bbb"], ["index": 2, "score": 0, "text": "cc"],
        ["index": 0, "score": -1, "text": "a"],
      ])
    // 1 / (1 + e⁰).
    let half = try json(running.post("/rerank", #"{"query":"q","texts":["cc"]}"#))
    #expect(half == [["index": 0, "score": 0.5]])
    #expect(try running.post("/rerank", #"{"query":"q","texts":"cc"}"#).status == 422)
    #expect(try running.post("/rerank", #"{"texts":["cc"]}"#).status == 422)
  }

  @Test func aProtocolThatNoModelSpeaksSaysWhatIsMissing() throws {
    let running = try RunningServer(WordPredictor())
    let answer = try running.post("/v1/embeddings", #"{"model":"words","input":"a"}"#)
    #expect(answer.status == 404)
    #expect(answer.body.contains("embedding model"))
    #expect(!(try running.get("/openapi.json").body.contains("/v1/embeddings")))
  }

  // MARK: - Our own

  @Test func modelsAreCalledByNameAndStrangeMembersAreTold() throws {
    let answer = try running.post("/models/ranks/predict", #"{"input":"a"}"#)
    #expect(answer.body == "{\"prediction\":0.0}\n")
    #expect(answer.fields["x-model-version"] == "ranks/1")
    let strange = try running.post("/predict", #"{"input":"a","inputs":"b"}"#)
    #expect(strange.status == 422)
    #expect(try json(strange)["pointer"] == "/inputs")
    #expect(try running.post("/predict?scores=yes", #"{"input":"a"}"#).status == 400)
    #expect(try running.get("/v1/models/vectors").body.contains(#""embedding_dimension":3"#))
  }

  @Test func theDescriptionHasEveryEndpointWithItsAnswersAndErrors() throws {
    let document = try json(running.get("/openapi.json"))
    let paths = try #require(document["paths"]?.objectValue)
    for path in [
      "/predict", "/models/{model}/predict", "/feedback", "/v1/models", "/v1/models/{model}",
      "/v1/models/{model}:predict", "/v2", "/v2/health/live", "/v2/models/{model}",
      "/v2/models/{model}/infer", "/v2/models/{model}/versions/{version}/infer", "/v1/embeddings",
      "/embed", "/rerank", "/healthz", "/readyz", "/openapi.json", "/docs",
    ] {
      #expect(paths[path] != nil, "\(path) is not described")
    }
    for (path, methods) in paths {
      for (method, operation) in methods.objectValue ?? JSONObject() {
        let responses = operation["responses"]
        #expect(responses?["200"] != nil || responses?["202"] != nil, "\(method) \(path)")
        #expect(responses?["400"] != nil, "\(method) \(path)")
        #expect(operation["operationId"]?.stringValue != nil, "\(method) \(path)")
      }
    }
  }

  /// The examples of the description are requests that are answered.
  @Test func everyExampleOfTheDescriptionIsAnswered() throws {
    let document = try json(running.get("/openapi.json"))
    var count = 0
    for (path, methods) in document["paths"]?.objectValue ?? JSONObject() where path != "/feedback"
    {
      let body = methods["post"]?["requestBody"]?["content"]?["application/json"]
      for (name, example) in body?["examples"]?.objectValue ?? JSONObject() {
        let real = path.replacing("{model}", with: "words").replacing("{version}", with: "3")
        let answer = try running.post(real, (example["value"] ?? .null).serialized())
        #expect(answer.status == 200, "\(path) \(name): \(answer.body)")
        count += 1
      }
    }
    #expect(count >= 10)
  }
}
