import Foundation
import JSON
import TestDaemon
import Testing

/// Trains with the real binary.
@Suite("martlet train", .enabled(if: BuiltMartlet.isThere))
struct TrainTests {
  private let folder = NSTemporaryDirectory() + "martlet-train-\(UUID().uuidString)"

  /// Rows that their second word decides, so that training takes a few steps.
  private func writeRows() throws -> String {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let path = folder + "/rows.tsv"
    let names = ["red", "green", "blue", "grey", "gold"]
    let rows = (0..<1200).map { index in
      let good = index % 2 == 0
      return "\(good ? "pos" : "neg")\t\(names[index % 5]) \(good ? "fine" : "poor") "
        + "\(names[index / 5 % 5]) \(names[index / 7 % 5])"
    }
    try rows.joined(separator: "\n").write(toFile: path, atomically: true, encoding: .utf8)
    return path
  }

  private let small = [
    "--epochs", "6", "--patience", "0", "--width", "32", "--layers", "1", "--feed-forward", "64",
    "--threads", "1",
  ]

  @Test("Killed at any moment and resumed, the model has the bytes of an unbroken run")
  func killing() throws {
    let rows = try writeRows()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let whole = try BuiltMartlet.run(["train", rows, "-o", folder + "/whole"] + small)
    #expect(whole.code == 0, "\(whole.text)")
    for name in ["report.html", "README.md", "martlet.json", "tokenizer.json", "reference.json"] {
      #expect(FileManager.default.fileExists(atPath: "\(folder)/whole/\(name)"), "\(name)")
    }
    #expect(
      !FileManager.default.fileExists(atPath: folder + "/whole/checkpoint/checkpoint.safetensors"))
    let broken =
      ["train", rows, "-o", folder + "/broken", "--resume"] + small
      + ["--checkpoint-every", "0.01"]
    func checkpoint() -> Date? {
      let path = folder + "/broken/checkpoint/checkpoint.safetensors"
      return try? FileManager.default.attributesOfItem(atPath: path)[.modificationDate] as? Date
    }
    // At once, at the first checkpoint, and at another one.
    for moment in 0..<3 {
      let before = checkpoint()
      let process = try BuiltMartlet.start(broken)
      let hasCome = BuiltMartlet.wait {
        moment == 0 || checkpoint() != before || ServeProcess.hasEnded(process.processIdentifier)
      }
      #expect(hasCome)
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
    }
    let resumed = try BuiltMartlet.run(broken)
    #expect(resumed.code == 0, "\(resumed.text)")
    let weights = [folder + "/whole", folder + "/broken"].map {
      FileManager.default.contents(atPath: $0 + "/model.safetensors")
    }
    #expect(weights[0] != nil && weights[0] == weights[1])
  }

  @Test(
    "Bad input ends with a clear error and no crash",
    arguments: [
      (["--learning-rate", "0"], "--learning-rate"),
      (["--learning-rate", "-1"], "--learning-rate"),
      (["--learning-rate", "nan"], "--learning-rate"),
      (["--learning-rate", "1e9"], "--learning-rate"), (["--learning-rate", "fast"], "auto"),
      (["--batch", "4000"], "1080 training rows"), (["--warmup", "100000"], "--warmup"),
      (["--warmup", "soon"], "--warmup"), (["--epochs", "0"], "--epochs"),
      (["--schedule", "cosinus"], "cosine"), (["--optimizer", "adem"], "adamw"),
      (["--positions", "square"], "rotary"), (["--hold-out", "1"], "--hold-out"),
      (["--from", "/nowhere"], "/nowhere"), (["--column", "9"], "column"),
      (["--freeze-encoder"], "--from"), (["--lora", "4"], "--from"),
      (["--lora-alpha", "4"], "--lora RANK"), (["--lora-save", "adapter"], "--lora RANK"),
      (["--from", BuiltMartlet.model, "--lora", "0"], "--lora is 0"),
      (["--from", BuiltMartlet.model, "--lora", "4", "--freeze-layers", "1"], "--freeze-layers"),
      (["--from", BuiltMartlet.model, "--lora", "4", "--lora-targets", "all,all"], "feed-forward"),
      (["--from", BuiltMartlet.model, "--lora", "4", "--freeze-encoder"], "left out"),
      (["--from", BuiltMartlet.model, "--freeze-encoder", "--layer-decay", "0.5"], "left out"),
    ])
  func badOptions(arguments: [String], said: String) throws {
    let rows = try writeRows()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let result = try BuiltMartlet.run(["train", rows, "-o", folder + "/m"] + small + arguments)
    #expect(result.code != 0 && result.code < 128, "\(result)")
    #expect(result.text.contains(said), "\(result.text)")
  }

  @Test(
    "Additions are written beside their base or into its weights, and a head over a frozen encoder")
  func overBase() throws {
    let rows = try writeRows()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let base = BuiltMartlet.model
    func train(_ output: String, _ more: [String]) throws -> String {
      let result = try BuiltMartlet.run(
        [
          "train", rows, "--from", base, "-o", "\(folder)/\(output)", "--epochs", "2", "--threads",
          "1",
        ]
          + more)
      #expect(result.code == 0, "\(result.text)")
      return "\(folder)/\(output)"
    }
    func has(_ directory: String, _ name: String) -> Bool {
      FileManager.default.fileExists(atPath: "\(directory)/\(name)")
    }
    let head = try train("head", ["--freeze-encoder"])
    let adapter = try train("adapter", ["--lora", "4", "--lora-save", "adapter"])
    #expect(has(adapter, "adapter_model.safetensors") && !has(adapter, "model.safetensors"))
    for directory in [head, adapter] {
      let figures = try BuiltMartlet.run(["eval", directory, rows, "--threads", "1"])
      #expect(figures.code == 0 && figures.text.contains("neg"), "\(figures.text)")
    }
    let inspected = try BuiltMartlet.run(["inspect", adapter])
    #expect(inspected.text.contains("rank 4") && inspected.text.contains(base), "\(inspected.text)")
    let asked = ["predict", adapter, "--text", "red fine blue grey", "--scores"]
    let beside = try BuiltMartlet.run(asked)
    #expect(beside.code == 0 && beside.text.contains("pos"), "\(beside.text)")
    // The same run merged, in the adapter's place: nothing of the adapter stays.
    let merged = try train("adapter", ["--lora", "4"])
    #expect(has(merged, "model.safetensors") && !has(merged, "adapter_config.json"))
    let whole = try BuiltMartlet.run(asked)
    #expect(whole.code == 0 && whole.text.contains("pos"), "\(whole.text)")
  }

  @Test("Bad data is named by file and line; what can be learned from is, with a warning")
  func badData() throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    func file(_ name: String, _ text: String) throws -> String {
      try text.write(toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8)
      return "\(folder)/\(name)"
    }
    let good = try file(
      "good.tsv", (0..<40).map { "\($0 % 2)\tw\($0 % 2) x" }.joined(separator: "\n"))
    let strange = try file("strange.tsv", "0\tw0\n7\tw1\n")
    let one = try file("one.tsv", "a\tx\na\ty\n")
    let conflict = try file(
      "conflict.tsv", (0..<60).map { "\($0 % 2)\tw\($0 % 3)" }.joined(separator: "\n"))
    let many = try file(
      "many.tsv", (0..<10_000).map { "class\($0)\tword\($0 % 50)" }.joined(separator: "\n"))
    let unknown = try file(
      "unknown.tsv",
      (0..<40).map { "\($0 % 2)\tw\($0 % 2)" }.joined(separator: "\n") + "\n1\t\u{10F0}\n")
    func train(_ path: String, _ more: [String] = []) throws -> (code: Int32, text: String) {
      try BuiltMartlet.run(
        ["train", path, "-o", folder + "/m", "--batch", "8"] + small + ["--epochs", "1"] + more)
    }
    let label = try train(good, ["--validation", strange])
    #expect(label.code != 0 && label.text.contains("strange.tsv:2: label \"7\""), "\(label.text)")
    let single = try train(one, ["--validation", good])
    #expect(single.code != 0 && single.text.contains("at least two labels"), "\(single.text)")
    let doubled = try train(
      conflict, ["--validation", good.replacingOccurrences(of: "good", with: "conflict")])
    #expect(doubled.code == 0 && doubled.text.contains("several labels"), "\(doubled.text)")
    let strangers = try train(unknown, ["--validation", good])
    #expect(strangers.code == 0 && strangers.text.contains("no token"), "\(strangers.text)")
    let classes = try train(many, ["--validation", many, "--batch", "512", "--no-watch"])
    #expect(classes.code == 0, "\(classes.text.suffix(300))")
  }

  @Test("A search is resumed from its journal, and gives a command that trains")
  func tuning() throws {
    let rows = try writeRows()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let search = [
      "tune", rows, "-o", folder + "/search", "--learning-rate", "1e-4..1e-2", "--batch", "32,64",
      "--trials", "3", "--epochs", "3", "--keep", "3", "--threads", "1", "--parallel", "2", "--",
      "--width", "16", "--layers", "1", "--feed-forward", "32",
    ]
    let first = try BuiltMartlet.run(search)
    #expect(first.code == 0, "\(first.text)")
    #expect(first.text.contains("martlet train"))
    let journal = try String(contentsOfFile: folder + "/search/journal.jsonl", encoding: .utf8)
    #expect(journal.split(separator: "\n").count == 5, "\(journal)")
    let again = try BuiltMartlet.run(search)
    #expect(again.code == 0 && again.text.contains("4 outcomes are in the journal"))
    #expect(
      try String(contentsOfFile: folder + "/search/journal.jsonl", encoding: .utf8) == journal)
    #expect(FileManager.default.fileExists(atPath: folder + "/search/report.html"))
  }
}
