import Foundation
import TestDaemon
import Testing

/// What commands leave behind on disks and streams, whatever becomes of those.
@Suite("Outputs of commands", .enabled(if: BuiltMartlet.isThere))
struct OutputTests {
  private let folder: String

  init() throws {
    folder = NSTemporaryDirectory() + "martlet-output-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try put("texts.txt", (0..<300).map { "text \($0) win a free prize now\n" }.joined())
    try put("rows.tsv", (0..<80).map { "\($0 % 2)\tw\($0 % 2) x\($0 % 7)\n" }.joined())
    try put("spam.tsv", "spam\tWIN a FREE prize now\nham\tsee you at home\n")
  }

  private func put(_ name: String, _ text: String) throws {
    try Data(text.utf8).write(to: URL(fileURLWithPath: folder + "/" + name))
  }

  private func text(_ name: String) -> String? {
    FileManager.default.contents(atPath: folder + "/" + name)
      .map { String(decoding: $0, as: UTF8.self) }
  }

  private var names: [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
  }

  private func process(_ script: String) -> Process {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", "cd \"$FOLDER\"; " + script]
    process.environment = ProcessInfo.processInfo.environment.merging([
      "FOLDER": folder, "MARTLET": BuiltMartlet.binary.path, "MODEL": BuiltMartlet.model,
    ]) { $1 }
    process.standardInput = FileHandle.nullDevice
    return process
  }

  /// Runs a script of the shell in the folder.
  @discardableResult
  private func run(_ script: String) throws -> (code: Int32, said: String) {
    let (process, pipe) = (process(script), Pipe())
    (process.standardOutput, process.standardError) = (pipe, pipe)
    try process.run()
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: data, as: UTF8.self))
  }

  @Test("A job may write over its own input, which is read to its end first")
  func sameFile() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let usual = try run("$MARTLET predict $MODEL texts.txt --threads 1")
    #expect(usual.code == 0 && usual.said.utf8.count { $0 == 10 } == 300)
    let over = try run("$MARTLET predict $MODEL texts.txt --format text -o texts.txt")
    #expect(over.code == 0 && over.said == "")
    #expect(text("texts.txt") == usual.said)
  }

  @Test(
    "A job that fails leaves the output that was there, and nothing beside it",
    arguments: [
      "predict $MODEL missing.txt -o out", "predict $MODEL bad.jsonl -o out",
      "embed $MODEL --pooling mean bad.jsonl -o out --output-format npy",
      "tokenize $MODEL bad.jsonl -o out", "predict $MODEL texts.txt -o no/out",
    ])
  func failing(arguments: String) throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try put("out", "old")
    try put("bad.jsonl", "{\"text\": \"a\"}\n{\"text\": \n")
    let before = names
    let result = try run("$MARTLET " + arguments)
    #expect(result.code != 0 && result.code < 128)
    #expect(result.said.split(separator: "\n").count == 1, "\(result.said)")
    #expect(text("out") == "old" && names == before)
  }

  @Test("Ctrl-C ends a job with 130, says how far it was, and leaves what was there")
  func interrupted() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try put("out", "old")
    let process = process("exec $MARTLET predict $MODEL - --scores --threads 1 -o out")
    let (input, errors) = (Pipe(), Pipe())
    (process.standardInput, process.standardError) = (input, errors)
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    // What is still in the pipe when the command ends is an error of the write, not the tests' end.
    signal(SIGPIPE, SIG_IGN)
    let rows = Data(String(repeating: "win a free prize now\n", count: 20_000).utf8)
    Thread.detachNewThread { try? input.fileHandleForWriting.write(contentsOf: rows) }
    let hasBegun = BuiltMartlet.wait {
      names.contains { name in
        guard name.hasSuffix(".partial") else { return false }
        let status = try? FileManager.default.attributesOfItem(atPath: folder + "/" + name)
        return (status?[.size] as? NSNumber)?.intValue ?? 0 > 0
      }
    }
    #expect(hasBegun)
    kill(process.processIdentifier, SIGINT)
    let hasEnded = BuiltMartlet.wait { !process.isRunning }
    if !hasEnded { kill(process.processIdentifier, SIGKILL) }
    process.waitUntilExit()
    let said = String(
      decoding: errors.fileHandleForReading.availableData, as: UTF8.self)
    #expect(process.terminationStatus == 130)
    #expect(
      said.hasPrefix("interrupted after ") && said.contains(" rows; nothing is written to out"),
      "\(said)")
    #expect(text("out") == "old" && names == ["out", "rows.tsv", "spam.tsv", "texts.txt"])
  }

  @Test(
    "Standard output on a full disk is an error of one line",
    arguments: [
      "inspect $MODEL", "inspect $MODEL --json", "eval $MODEL spam.tsv", "schedule cosine --csv",
      "schedule cosine", "tokenize $MODEL --text a", "predict $MODEL --text a",
      "predict $MODEL texts.txt", "embed $MODEL --pooling mean --text a", "--help", "--version",
      "serve --help", "serve --print-config $MODEL", "manual",
      "lr-find rows.tsv --steps 20 --width 32 --layers 1 --heads 2",
      "bench tokenizer $MODEL texts.txt --rounds 1",
      "bench forward $MODEL --tokens 8 --batch 1 --seconds 0.01",
    ])
  func fullOutput(arguments: String) throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let result = try run("$MARTLET \(arguments) >/dev/full")
    #expect(result.code != 0 && result.code < 128)
    #expect(
      result.said.contains("standard output: cannot be written: No space left on device"),
      "\(result.said)")
    #expect(result.said.split(separator: "\n").count == 1, "\(result.said)")
  }

  @Test(
    "A reader of standard output that has gone ends a command quietly",
    arguments: [
      "inspect $MODEL", "schedule cosine --csv --steps 100000", "schedule cosine", "--help",
      "predict $MODEL texts.txt", "tokenize $MODEL texts.txt", "serve --print-config $MODEL",
    ])
  func closedOutput(arguments: String) throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let result = try run("{ $MARTLET \(arguments); echo \"code $?\" >&2; } | true")
    #expect(result.said == "code 0\n", "\(result.said)")
  }

  @Test(
    "Standard error may be full or closed without harm",
    arguments: ["2>/dev/full", "2>&-", "2>&1 >/dev/null | true"])
  func fullErrors(redirection: String) throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let result = try run(
      """
      { $MARTLET train rows.tsv -o model --epochs 2 --patience 0 --width 32 --layers 1 --heads 2 \
      --feed-forward 64 --batch 8 --threads 1; echo "code $?" >result; } \(redirection)
      """)
    #expect(text("result") == "code 0\n", "\(result.said)")
    #expect(text("model/model.safetensors") != nil && text("model/reference.json") != nil)
    #expect(!names.contains { $0.hasSuffix(".partial") })
  }

  @Test("Labels with a combining mark behind a quote or tab leave CSV and TSV that read back")
  func marks() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let label = "a\"\u{301},b"
    try put(
      "rows.jsonl",
      (0..<80).map { index in
        let name = index % 2 == 0 ? #"a\"\u0301,b"# : #"c\td"#
        return "{\"label\": \"\(name)\", \"text\": \"w\(index % 2) x\(index % 7)\"}\n"
      }.joined())
    let trained = try run(
      """
      $MARTLET train rows.jsonl -o model --epochs 2 --patience 0 --width 32 --layers 1 --heads 2 \
      --feed-forward 64 --batch 8 --threads 1 && $MARTLET predict model --text w0 --scores \
      --output-format csv -o out.csv
      """)
    #expect(trained.code == 0, "\(trained.said)")
    let header = (text("out.csv") ?? "").utf8.prefix { $0 != 10 }
    let escaped = "\"" + label.unicodeScalars.map { $0 == "\"" ? "\"\"" : "\($0)" }.joined() + "\""
    #expect(Array(header) == Array("prediction,probability,\(escaped),c\td".utf8))
  }
}
