import FileJobs
import Files
import Foundation
import Testing
import Transformer

@Suite("Rows without an answer")
struct RejectedRowTests {
  /// A classifier whose tokenizer adds no special tokens, with one weight of the encoder made huge where that is asked for.
  private func model(isHuge: Bool = false) throws -> (directory: String, model: TextModel) {
    let parameters = ModelParameters(
      ModelShape(
        vocabularySize: 3, hiddenSize: 8, layerCount: 1, headCount: 2, feedForwardSize: 8,
        maximumTokens: 8, labels: ["a", "b"]))
    for tensor in parameters.tensors {
      for index in tensor.range {
        parameters.buffer[index] = tensor.key.role == .gain ? 1 : Float(index % 7) / 7 - 0.4
        if isHuge && tensor.key.part == .feedForwardInput && tensor.key.role == .weight {
          parameters.buffer[index] *= 1e38
        }
      }
    }
    let directory = NSTemporaryDirectory() + "martlet-rows-\(UUID().uuidString)"
    try ModelDirectory.write(parameters, to: directory)
    let tokenizer = #"""
      {"added_tokens": [], "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": null,
       "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 100, "vocab": {"[UNK]": 0, "hello": 1, "world": 2}}}
      """#
    try Data(tokenizer.utf8).write(to: URL(fileURLWithPath: directory + "/tokenizer.json"))
    return (directory, try TextModel.load(directory: directory))
  }

  private func run(_ model: TextModel, _ text: String, threads: Int) throws -> Int {
    let path = NSTemporaryDirectory() + "rows-\(UUID().uuidString).txt"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    var reader = try RecordReader(path: path, format: .text)
    var rows = 0
    try FileJob(model: model, threads: threads).run(&reader) { _, _ in rows += 1 }
    return rows
  }

  @Test("A job names the line of a text without tokens", arguments: [1, 3])
  func noTokens(threads: Int) throws {
    let (directory, model) = try model()
    defer { try? FileManager.default.removeItem(atPath: directory) }
    #expect(try run(model, "hello\nworld\n", threads: threads) == 2)
    let error = #expect(throws: RecordError.self) {
      try run(model, "hello\n \u{2003}\nworld\n", threads: threads)
    }
    guard case .rejected(_, 2, .noTokens)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test("A job names the line whose numbers are not finite, and no writer takes such a number")
  func notFinite() throws {
    let (directory, model) = try model(isHuge: true)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let error = #expect(throws: RecordError.self) { try run(model, "hello\n", threads: 1) }
    guard case .rejected(_, 1, .notFinite)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    for format in PredictionWriter.Format.allCases {
      let path = directory + "/out.\(format.rawValue)"
      var writer = try PredictionWriter(OutputFile(path: path), format: format, model: model)
      for odd in [Float.nan, .infinity] {
        #expect(throws: PredictionError.notFinite) {
          try writer.write(
            Prediction(
              value: .label(0, probabilities: [odd, 0]), tokenCount: 1, unknownTokenCount: 0,
              isTruncated: false))
        }
      }
    }
  }
}
