import Foundation
import JSON
import Testing
import Tokenization
import Transformer

/// A tiny translator in Marian's layout, with its own tokenizer, made by Tests/Reference/marian_tokenizer.py.
@Suite("A translator as a directory")
struct TranslatorTests {
  private static let directory = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("Fixtures/marian").path
  private static let expected: JSONValue =
    (try? JSONValue(
      parsing: Data(contentsOf: URL(fileURLWithPath: directory + "/expected.json")))) ?? .null

  private func ids(_ json: JSONValue?) -> [Int32] {
    (json?.arrayValue ?? []).compactMap(\.intValue).map { Int32($0) }
  }

  @Test("Marian's tokens and texts are those of transformers, without tokenizer.json")
  func tokens() throws {
    let tokenizer = try Tokenizer.load(directory: Self.directory)
    let rows = Self.expected["rows"]?.arrayValue ?? []
    #expect(rows.count == 11)
    for row in rows {
      let text = try #require(row["text"]?.stringValue)
      let found = tokenizer.encode(text).ids
      // The text of a special token is a text here, and ends nothing.
      if text.contains("</s>") {
        #expect(found.dropLast().allSatisfy { $0 != found.last })
        continue
      }
      #expect(found == ids(row["ids"]), "\(text)")
      #expect(tokenizer.decode(found) == row["decoded"]?.stringValue, "\(text)")
    }
    for row in Self.expected["decoded"]?.arrayValue ?? [] {
      #expect(tokenizer.decode(ids(row["ids"])) == row["decoded"]?.stringValue)
    }
  }

  private func model() throws -> TextModel { try TextModel.load(directory: Self.directory) }

  private func texts(_ prediction: Prediction) throws -> [WrittenText] {
    guard case .texts(let texts, _) = prediction.value else {
      Issue.record("no texts")
      return []
    }
    return texts
  }

  private func input(_ text: String, _ parameters: JSONObject = [:]) throws -> TextInput {
    let model = try model()
    return TextInput(
      text,
      parameters: try TaskParameters(parameters, task: model.task, model: model.signature))
  }

  @Test("Answers are those of transformers by the settings of generation_config.json")
  func answers() throws {
    let model = try model()
    #expect(model.task == .generation && model.task.rawValue == "text2text-generation")
    let rows = Self.expected["answers"]?.arrayValue ?? []
    let inputs = try rows.map { try input($0["text"]?.stringValue ?? "") }
    let answers = try model.predict(inputs)
    #expect(answers.count == 4)
    for (row, answer) in zip(rows, answers) {
      #expect(try texts(answer).map(\.text) == [row["answer"]?.stringValue ?? ""])
    }
    // The same alone, by a sibling, and as JSON.
    #expect(try model.sibling().predict([inputs[1]]) == [answers[1]])
    var json = JSONWriter()
    answers[0].value.write(to: &json, labels: [])
    #expect(
      String(decoding: try json.bytes(), as: UTF8.self)
        == "\"\(rows[0]["answer"]?.stringValue ?? "")\"")
  }

  @Test("A request says how its own text is written, whatever others in its batch say")
  func parameters() throws {
    let model = try model()
    let inputs = [
      try input("a red ball"), try input("a red ball", ["max_new_tokens": 3]),
      try input("a red ball", ["num_return_sequences": 3, "details": true]),
      try input("a red ball", ["do_sample": true, "seed": 7, "temperature": 2.5]),
      try input("a red ball", ["do_sample": true, "seed": 7, "temperature": 2.5]),
    ]
    let found = try model.predict(inputs).map(texts)
    #expect(found[1][0].tokenCount <= 3 && found[1][0].text != found[0][0].text)
    #expect(found[2].count == 3 && found[2][0] == found[0][0])
    #expect(zip(found[2], found[2].dropFirst()).allSatisfy { $0.score >= $1.score })
    #expect(found[3] == found[4])
    for (input, texts) in zip(inputs, found) {
      #expect(try self.texts(try model.predict([input])[0]) == texts)
    }
    let words = found[0][0].text
    let stop = String(words.dropFirst(2).prefix(1))
    let stopped = try texts(
      try model.predict([try input("a red ball", ["num_beams": 1, "stop": [.string(stop)]])])[0])
    #expect(!stopped[0].text.contains(stop))
  }

  @Test("What no parameter may say is refused by name")
  func refused() throws {
    for (name, value) in [
      ("max_new_tokens", 0), ("num_beams", 99), ("temperature", 0), ("top_p", 2), ("nothing", 1),
      ("early_stopping", "often"),
    ] as [(String, JSONValue)] {
      #expect(throws: InputProblem.self) { try input("a", [name: value]) }
    }
    #expect(throws: InputProblem.self) {
      try input("a", ["do_sample": true, "num_beams": 2])
    }
    #expect(throws: RejectedInput.self) {
      try model().predict([try input("a", ["tgt_lang": "xx"])])
    }
  }

  @Test("A long input is read as far as the model reads")
  func long() throws {
    let answer = try model().predict([
      try input(String(repeating: "the dog runs ", count: 40_000))
    ])[0]
    #expect(answer.isTruncated && answer.tokenCount == 32)
  }
}
