import ArgumentParser
import FileJobs
import Files
import Foundation
import Tokenization
import Transformer

struct Tokenize: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract:
      "Show the tokens and ids of the rows of a file, of standard input, or of texts given here.",
    discussion: """
      A line for each text: the ids, a tab, the tokens. Texts are whole unless --max-length or \
      --truncate says otherwise. The model may be a directory that holds no more than a tokenizer, \
      or a tokenizer.json.

      Examples:
        martlet tokenize my-model --text 'WIN a FREE prize now'
        martlet tokenize my-model --text 'How old is he?' --pair 'He is nine.' --json
        martlet tokenize my-model --text 'How old is he?' --json --offsets
        martlet tokenize my-model reviews.csv --column review --count
        martlet tokenize tokenizer.json texts.txt --ids --no-special > ids.txt
        zcat texts.gz | martlet tokenize my-model --truncate --json | head
      """)

  @Argument(help: "Model directory, a name on a hub, or tokenizer.json.") var model: String
  @Argument(help: "File, or - for standard input.") var file = "-"
  @Option(help: "A text; may be repeated. No file is read then.") var text: [String] = []
  @Option(help: "The second text of a pair, for each --text.") var pair: [String] = []
  @Option(help: "Format of the file: text, tsv, csv, jsonl; by its name when not given.")
  var format: RecordFormat?
  @Option(help: "Column of the text: a name of the header, or a number from 1.")
  var column: String?
  @Option(help: "Column of the second text of a pair.") var pairColumn: String?
  @OptionGroup var layoutFlags: LayoutFlags
  @Option(name: .shortAndLong, help: "Output file.") var output = "-"
  @Flag(help: "Write the ids alone.") var ids = false
  @Flag(help: "Write the tokens alone.") var tokens = false
  @Flag(help: "Write how many tokens there are.") var count = false
  @Flag(help: "Write an object of ids, tokens, segments and whether the text was cut.")
  var json = false
  @Flag(help: "Write with --json where each token stands in its text, in Unicode code points.")
  var offsets = false
  @Option(help: "Cut to so many tokens, special ones included.") var maxLength: Int?
  @Flag(help: "Cut to the model's longest input.") var truncate = false
  @Flag(inversion: .prefixedNo, help: "Whether the model's special tokens are added.")
  var special = true

  func validate() throws {
    if !pair.isEmpty && pair.count != text.count {
      throw ValidationError("--pair: give one for each --text")
    }
    if [ids, tokens, count, json].count(where: { $0 }) > 1 {
      throw ValidationError("--ids, --tokens, --count, --json: choose one")
    }
    if offsets && (!json || !special) {
      throw ValidationError("--offsets: give --json as well, and special tokens")
    }
    if let maxLength, maxLength < 0 {
      throw ValidationError("--max-length \(maxLength): use a number from 0 on")
    }
  }

  func run() throws {
    let (tokenizer, longest) = try load()
    let format: TokenWriter.Format =
      ids ? .ids : tokens ? .tokens : count ? .count : json ? .json : .table
    var writer = TokenWriter(
      try OutputFile(path: output), format: format, tokenizer: tokenizer)
    let length = maxLength ?? (truncate ? longest : .max)
    func encode(_ input: TextInput) -> Encoding {
      if offsets {
        return tokenizer.framing(
          tokenizer.tokens(of: input.text, tracing: true),
          input.pair.map { tokenizer.tokens(of: $0, sequence: 1, tracing: true) },
          maximumLength: length)
      }
      return tokenizer.encode(
        input.text, pair: input.pair, maximumLength: length, addsSpecialTokens: special)
    }
    if !text.isEmpty {
      for (index, text) in text.enumerated() {
        try writer.write(encode(TextInput(text, pair: pair.isEmpty ? nil : pair[index])))
      }
      return try writer.finish()
    }
    var reader = try RecordReader(
      path: file, format: self.format,
      layout: layoutFlags.layout(text: column, pair: pairColumn))
    let progress = JobProgress(path: file, output: output)
    var rows = 0
    while let record = try reader.next() {
      try writer.write(encode(record.input))
      rows += 1
      if rows & 0xFF == 0 {
        progress.show(
          FileJob.Progress(rows: rows, bytes: reader.consumed, tokens: writer.tokenCount))
      }
    }
    progress.finish()
    reader.notes.forEach { Console.say($0) }
    try writer.finish()
  }

  /// The tokenizer, and the model's longest input where --truncate asks for it.
  private func load() throws -> (Tokenizer, Int) {
    var isDirectory: ObjCBool = false
    if FileManager.default.fileExists(atPath: model, isDirectory: &isDirectory),
      !isDirectory.boolValue, let data = FileManager.default.contents(atPath: model)
    {
      let tokenizer = try Tokenizer.parse([UInt8](data), path: model)
      return (tokenizer, tokenizer.truncation?.maximumLength ?? .max)
    }
    let model = try ModelSource.directory(model, for: .tokenizer)
    if truncate && maxLength == nil {
      let configuration = try ModelDirectory.describe(model)
      return (
        try Tokenizer.load(directory: configuration.encoderDirectory), configuration.maximumTokens
      )
    }
    let described = try? ModelDirectory.describe(model)
    return (try Tokenizer.load(directory: described?.encoderDirectory ?? model), .max)
  }
}
