import Foundation
import TestDaemon
import Testing

/// Small data files as people have them, through the binary.
@Suite("Data files", .enabled(if: BuiltMartlet.isThere))
struct DataFileTests {
  private let folder = NSTemporaryDirectory() + "martlet-files-\(UUID().uuidString)"

  private func file(_ name: String, _ bytes: [UInt8]) throws -> String {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try Data(bytes).write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
    return "\(folder)/\(name)"
  }

  private func file(_ name: String, _ text: String) throws -> String {
    try file(name, Array(text.utf8))
  }

  private func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

  private let small = [
    "--epochs", "2", "--width", "16", "--layers", "1", "--feed-forward", "32", "--threads", "1",
  ]

  @Test("A threshold that is no probability is refused", arguments: ["eval", "predict"])
  func threshold(command: String) throws {
    for value in ["nan", "-0.1", "1.1", "inf"] {
      let end = try BuiltMartlet.run([command, BuiltMartlet.model, "-", "--threshold=\(value)"])
      #expect(end.code == 64 && end.text.contains("use a number from 0 to 1"), "\(end)")
    }
  }

  /// Rows of two labels, their columns parted by `separator`.
  private func rows(_ count: Int, _ separator: String) -> String {
    (0..<count).map {
      "\($0 % 2 == 0 ? "gut" : "übel")\(separator)das war \($0 % 2 == 0 ? "schön" : "böse"), Nummer \($0)\n"
    }
    .joined()
  }

  @Test("Files as Excel writes them are trained on, measured, predicted and embedded alike")
  func spreadsheets() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let mark = "\u{FEFF}"
    let semicolons = "label;text\r\n" + rows(30, ";")
    let utf16 = Array(try #require(semicolons.data(using: .utf16LittleEndian)))
    let latin = Array(try #require(semicolons.data(using: .windowsCP1252)))
    let json = (0..<30).map {
      #"{"label":"\#($0 % 2 == 0 ? "gut" : "übel")","text":"das war \#($0)"}"# + "\n"
    }.joined()
    let cases: [(String, [UInt8], [String])] = [
      ("mark.tsv", Array((mark + rows(30, "\t")).utf8), []),
      ("semicolons.csv", Array((mark + semicolons).utf8), []),
      ("sep.csv", Array(("sep=;\r\n" + semicolons).utf8), []),
      ("tabs.csv", Array(("label\ttext\n" + rows(30, "\t")).utf8), []),
      ("utf16.csv", [0xFF, 0xFE] + utf16, []),
      ("latin.csv", latin, ["--encoding", "windows-1252"]),
      ("mark.jsonl", Array((mark + json).utf8), []),
    ]
    for (name, bytes, options) in cases {
      let path = try file(name, bytes)
      let model = folder + "/model-" + name
      let trained = try BuiltMartlet.run(["train", path, "-o", model] + small + options)
      #expect(trained.code == 0 && trained.text.contains("2 labels"), "\(name): \(trained.text)")
      let measured = try BuiltMartlet.run(["eval", model, path] + options)
      #expect(measured.code == 0 && measured.text.hasPrefix("30 rows"), "\(name): \(measured.text)")
      // Plain TSV has no names, so that the column of the text is to be said.
      let column = name == "mark.tsv" ? ["--column", "2"] : []
      let predicted = try BuiltMartlet.run(["predict", model, path] + options + column)
      #expect(
        predicted.code == 0 && predicted.text.split(separator: "\n").count == 30,
        "\(name): \(predicted.text)")
      let embedded = try BuiltMartlet.run(
        ["embed", model, path, "--pooling", "mean"] + options + column)
      #expect(
        embedded.code == 0 && embedded.text.split(separator: "\n").count == 30,
        "\(name): \(embedded.text.prefix(300))")
    }
    let path = folder + "/latin.csv"
    let model = folder + "/model-mark.tsv"
    for command in [
      ["train", path, "-o", folder + "/none"], ["eval", model, path], ["predict", model, path],
      ["embed", model, path, "--pooling", "mean"],
    ] {
      let refused = try BuiltMartlet.run(command)
      #expect(refused.code != 0 && refused.text.contains("line 2: not UTF-8"), "\(refused.text)")
      #expect(refused.text.contains("--encoding windows-1252"), "\(refused.text)")
    }
    #expect(!exists(folder + "/none"))
  }

  @Test("Thirty rows are trained on without an option, and a label with one row is named")
  func thirtyRows() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let path = try file("rows.tsv", rows(29, "\t") + "selten\tnur einmal\n")
    let result = try BuiltMartlet.run(["train", path, "-o", folder + "/m", "--threads", "1"])
    #expect(result.code == 0 && exists(folder + "/m/model.safetensors"), "\(result.text)")
    #expect(!result.text.contains("--batch") && result.text.contains("\"selten\" (line 30)"))
    let given = try BuiltMartlet.run(["train", path, "-o", folder + "/n", "--batch", "32"])
    #expect(given.code != 0 && given.text.contains("--batch is 32"), "\(given.text)")
    for command in [
      ["lr-find", path, "--steps", "20", "--threads", "1"],
      [
        "study", "positions", "-o", folder + "/study", "--tasks", "first", "--encodings", "none",
        "--rows", "64", "--epochs", "1", "--data", path, "--data-epochs", "1", "--threads", "1",
      ],
    ] {
      let result = try BuiltMartlet.run(command)
      #expect(result.code == 0 && !result.text.contains("--batch"), "\(result.text)")
    }
  }

  @Test(
    "Very few rows are trained on, or refused in words that say why",
    arguments: [
      ("a\tx\n", "at least two labels"), ("a\tx\na\ty\na\tz\n", "at least two labels"),
      ("a\tx\nb\ty\n", "--validation"), ("a\tx\nb\ty\nc\tz\nd\tu\ne\tv\n", "--validation"),
      ("a\tx\na\tz\nb\ty\n", nil), ("a\tx\na\tz\nb\ty\nb\tu\na\tv\n", nil),
      ("", "no rows"), ("\u{FEFF}", "no rows"), ("label\ttext\n", "no rows"),
    ] as [(String, String?)])
  func fewRows(text: String, said: String?) throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let path = try file("rows.tsv", text)
    let result = try BuiltMartlet.run(["train", path, "-o", folder + "/m"] + small)
    if let said {
      #expect(result.code != 0 && result.code < 128 && result.text.contains(said), "\(result.text)")
      #expect(!exists(folder + "/m"))
    } else {
      #expect(result.code == 0, "\(result.text)")
    }
  }

  @Test("A check of no rows fails and writes nothing", arguments: ["", "\n\n", "label\ttext\n"])
  func emptyChecks(text: String) throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let path = try file("empty.tsv", text)
    let model = BuiltMartlet.model
    let output = folder + "/q"
    for command in [
      ["eval", model, path], ["eval", model, "-"], ["eval", model, path, "--json"],
      ["quantize", model, "-o", output, "--validation", path],
      ["quantize", model, "-o", output, "--validation", "-"],
      ["train", path, "-o", folder + "/m"], ["lr-find", path], ["tune", path, "-o", folder + "/t"],
      ["profile", folder + "/copy", path],
    ] {
      if command[0] == "profile" && !exists(command[1]) {
        try FileManager.default.copyItem(atPath: model, toPath: command[1])
      }
      let result = try BuiltMartlet.run(command, input: Array(text.utf8))
      #expect(result.code != 0 && result.code < 128, "\(command): \(result)")
      #expect(result.text.contains("no rows"), "\(command): \(result.text)")
    }
    for path in [output, folder + "/m", folder + "/t"] { #expect(!exists(path), "\(path)") }
  }

  @Test("Rows to check 8-bit layers with may come from standard input")
  func checkFromPipe() throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let rows = (0..<40).map {
      "\($0 % 2 == 0 ? "ham\thow are you \($0)" : "spam\tWIN a free prize \($0) now")\n"
    }
    let result = try BuiltMartlet.run(
      [
        "quantize", BuiltMartlet.model, "-o", folder + "/q", "--validation", "-", "--max-drop",
        "100",
      ],
      input: Array(rows.joined().utf8))
    #expect(result.code == 0 && exists(folder + "/q/model.safetensors"), "\(result.text)")
  }

  @Test("A run without a finite loss fails with the reason and leaves no folder")
  func noFiniteLoss() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let path = try file("rows.tsv", rows(40, "\t"))
    let result = try BuiltMartlet.run(
      [
        "train", path, "-o", folder + "/m", "--optimizer", "sgd", "--learning-rate", "10", "--clip",
        "0",
        "--embedding-rate-scale", "100", "--no-watch", "--warmup", "0", "--epochs", "200",
        "--batch", "4",
      ] + Array(small[2...]))
    #expect(result.code != 0 && result.code < 128, "\(result.code)")
    #expect(
      result.text.contains("no longer a number") || result.text.contains("finite loss"),
      "\(result.text)")
    #expect(!exists(folder + "/m"))
  }
}
