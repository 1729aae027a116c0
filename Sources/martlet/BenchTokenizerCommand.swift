import ArgumentParser
import FileJobs
import Files
import Foundation
import JSON
import Tokenization
import Training

struct BenchTokenizer: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tokenizer",
    abstract: "Time a tokenizer on the rows of a file, on one thread.",
    discussion: """
      Each round is a pass over all rows; the first has nothing in the cache of words. Beside it stands how long \
      reading the tokenizer took.

      Examples:
        martlet bench tokenizer my-model texts.txt
        martlet bench tokenizer my-model texts.jsonl --rounds 9 --json
      """)

  @Argument(help: "Directory with a tokenizer, or a name on a hub.") var model: String
  @Argument(help: "File of texts, one a row.") var file: String
  @Option(help: "Passes over the file.") var rounds = 5
  @Flag(help: "Print one JSON object.") var json = false

  func run() throws {
    try TrainingError.check("--rounds", rounds, in: 1...10_000)
    let model = try ModelSource.directory(model, for: .tokenizer)
    let clock = ContinuousClock()
    var start = clock.now
    let tokenizer = try Tokenizer.load(directory: model)
    let loading = (clock.now - start) / .seconds(1)
    var reader = try RecordReader(path: file)
    var texts: [String] = []
    while let record = try reader.next() { texts.append(record.input.text) }
    guard !texts.isEmpty else {
      throw BenchmarkInputError.tooFew(path: reader.path, found: 0, least: 1)
    }
    let bytes = texts.reduce(0) { $0 + $1.utf8.count }
    var (seconds, tokens): ([Double], Int) = ([], 0)
    for _ in 0..<rounds {
      start = clock.now
      tokens = texts.reduce(0) { $0 + tokenizer.encode($1).ids.count }
      seconds.append((clock.now - start) / .seconds(1))
    }
    if json {
      let object: JSONValue = [
        "model": .string(tokenizer.modelName), "load_seconds": JSONValue(loading),
        "texts": JSONValue(texts.count), "bytes": JSONValue(bytes), "tokens": JSONValue(tokens),
        "seconds": .array(seconds.map { JSONValue($0) }),
      ]
      try Console.print(object.serialized())
      return
    }
    try Console.print(
      String(
        format: "%@: read in %.1f ms; %d texts, %.1f MB, %d tokens", tokenizer.modelName,
        loading * 1e3, texts.count, Double(bytes) / 1e6, tokens))
    for (round, time) in seconds.enumerated() {
      try Console.print(
        String(
          format: "round %d  %6.1f MB/s  %6.2f million tokens/s", round + 1,
          Double(bytes) / 1e6 / time, Double(tokens) / 1e6 / time))
    }
  }
}
