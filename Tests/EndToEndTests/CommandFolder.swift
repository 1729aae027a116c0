import Foundation
import Synchronization
import TestDaemon

/// The files of one row, made anew for each, and runs of the binary over them.
final class CommandFolder: Sendable {
  struct Outcome {
    let code: Int32
    let isSignal: Bool
    let output: String
    let error: String

    /// The lines of standard error.
    var lines: [Substring] { error.split(separator: "\n", omittingEmptySubsequences: true) }

    /// Whether it ended by a fault of the program.
    var isCrash: Bool { isSignal && code != SIGPIPE }
  }

  let path: String
  /// The placeholders of `CommandRow`.
  private let files: [String: String]
  private let admin: AdminStub
  /// A server for those who speak to one by its ready file.
  private let server = Mutex<ServeProcess?>(nil)

  init() throws {
    path = NSTemporaryDirectory() + "martlet-commands-\(UUID().uuidString)"
    let manager = FileManager.default
    try manager.createDirectory(atPath: path + "/out", withIntermediateDirectories: true)
    files = [
      "{model}": BuiltMartlet.model, "{copy}": path + "/copy", "{embedder}": path + "/embedder",
      "{rows}": path + "/rows.tsv", "{texts}": path + "/texts.txt", "{ids}": path + "/ids.jsonl",
      "{lengths}": path + "/lengths.jsonl", "{store}": path + "/store.db",
      "{admin}": path + "/admin", "{secret}": path + "/secret",
      "{serving}": path + "/serving",
    ]
    for copy in ["copy", "embedder"] {
      try manager.copyItem(atPath: BuiltMartlet.model, toPath: "\(path)/\(copy)")
    }
    try manager.createDirectory(
      atPath: path + "/embedder/1_Pooling", withIntermediateDirectories: true)
    let texts = (0..<80).map { "w\($0 % 2) x\($0 % 5) y\($0 % 7)" }
    let contents = [
      "rows.tsv": texts.enumerated().map { "\($0 % 2 == 0 ? "ham" : "spam")\t\($1)\n" }.joined(),
      "texts.txt": texts.joined(separator: "\n") + "\n", "ids.jsonl": "[1, 2, 3]\n[4, 5]\n",
      "lengths.jsonl": String(repeating: "[3, 4]\n", count: 4), "empty": "", "store.db": "",
      "secret": "a secret\n",
      "embedder/modules.json": """
      [{"idx": 0, "path": "", "type": "sentence_transformers.models.Transformer"},
       {"idx": 1, "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}]
      """,
      "embedder/1_Pooling/config.json":
        #"{"word_embedding_dimension": 128, "pooling_mode_mean_tokens": true}"#,
    ]
    for (name, text) in contents {
      try text.write(toFile: "\(path)/\(name)", atomically: false, encoding: .utf8)
    }
    admin = try AdminStub(path: path + "/admin")
  }

  deinit {
    server.withLock { $0 = nil }
    try? FileManager.default.removeItem(atPath: path)
  }

  private func serve() throws {
    try server.withLock { server in
      if server != nil { return }
      server = try ServeProcess(
        launching: BuiltMartlet.binary,
        ["serve", BuiltMartlet.model, "-w", "1", "-b", "127.0.0.1:0", "--admin-bind", "none"]
          + ["--ready-file", path + "/serving"])
      _ = BuiltMartlet.wait { FileManager.default.fileExists(atPath: path + "/serving") }
    }
  }

  /// A path or option with the placeholders filled in.
  /// - Parameters:
  ///   - input: what stands in place of the row's input.
  ///   - out: a name for what this run writes.
  func filled(_ word: String, _ row: CommandRow, input: String?, out: String) -> String {
    var word = word.replacing("{out}", with: "\(path)/out/\(out)")
    if let name = row.input, let input { word = word.replacing(name, with: input) }
    for (name, file) in files { word = word.replacing(name, with: file) }
    return word
  }

  /// Runs a row to its end.
  /// - Parameters:
  ///   - standardInput: placeholder of a file to read from standard input.
  ///   - output: an open file for standard output in place of one that is kept; closed afterwards.
  ///   - error: the same for standard error.
  ///   - redirection: what a shell does to the streams last.
  func run(
    _ row: CommandRow, input: String? = nil, out: String, standardInput: String? = nil,
    output: FileHandle? = nil, error: FileHandle? = nil, redirection: String = ""
  ) throws -> Outcome {
    if row.input == "{serving}" { try serve() }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.currentDirectoryURL = URL(fileURLWithPath: path)
    process.arguments =
      ["-c", "exec \"$@\" \(redirection)", "sh", BuiltMartlet.binary.path]
      + row.name.split(separator: " ").map(String.init)
      + row.arguments.map { filled($0, row, input: input, out: out) }
    let kept = ["output", "error"].map { "\(path)/\($0)" }
    for file in kept { _ = FileManager.default.createFile(atPath: file, contents: nil) }
    let output = output ?? FileHandle(forWritingAtPath: kept[0])
    let error = error ?? FileHandle(forWritingAtPath: kept[1])
    process.standardOutput = output
    process.standardError = error
    process.standardInput =
      standardInput.flatMap { files[$0] }.flatMap { FileHandle(forReadingAtPath: $0) }
      ?? FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    try output?.close()
    try error?.close()
    let said = try kept.map { try String(contentsOfFile: $0, encoding: .utf8) }
    return Outcome(
      code: process.terminationStatus, isSignal: process.terminationReason == .uncaughtSignal,
      output: said[0], error: said[1])
  }

  /// What `row` writes for `out`, by the row's name for it; without what is not there.
  func outputs(_ row: CommandRow, out: String) -> [String: Data] {
    var found: [String: Data] = [:]
    for name in row.outputs {
      found[name] = FileManager.default.contents(
        atPath: filled(name, row, input: nil, out: out))
    }
    return found
  }

  /// Puts an older file where `row` replaces one (a store is added to), and gives `contents`.
  func withOldOutputs(_ row: CommandRow, out: String) throws -> [String: Data] {
    for name in row.outputs where name.hasPrefix("{out}.") && !name.hasSuffix(".db") {
      try Data("old".utf8).write(
        to: URL(fileURLWithPath: filled(name, row, input: nil, out: out)))
    }
    return try contents()
  }

  /// Every file below the folder with its bytes, except what a run says.
  func contents() throws -> [String: Data] {
    var found: [String: Data] = [:]
    for name in try FileManager.default.subpathsOfDirectory(atPath: path)
    where !["output", "error", "admin", "serving"].contains(name) {
      found[name] = FileManager.default.contents(atPath: "\(path)/\(name)") ?? Data()
    }
    return found
  }
}
