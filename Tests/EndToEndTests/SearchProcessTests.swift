import Foundation
import TestDaemon
import Testing

/// Searches as processes: what becomes of their trials.
@Suite("martlet tune as a process", .enabled(if: BuiltMartlet.isThere))
struct SearchProcessTests {
  private let folder = NSTemporaryDirectory() + "martlet-tune-\(UUID().uuidString)"

  private func writeRows(_ count: Int) throws -> String {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let rows = (0..<count).map { "\($0 % 2 == 0 ? "pos\tfine" : "neg\tpoor") day \($0 % 17)\n" }
    try rows.joined().write(toFile: folder + "/rows.tsv", atomically: true, encoding: .utf8)
    return folder + "/rows.tsv"
  }

  private func command(_ rows: String, epochs: Int, _ more: [String] = []) -> [String] {
    [
      "tune", rows, "-o", folder + "/search", "--search", "random", "--trials", "2", "--epochs",
      "\(epochs)",
      "--learning-rate", "1e-4..1e-3", "--threads", "1",
    ] + more
      + ["--", "--width", "16", "--layers", "1", "--feed-forward", "32"]
  }

  /// Processes that train into this test's folder.
  private var trials: [Int32] {
    let all = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return all.compactMap { Int32($0) }.filter { pid in
      guard let words = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline") else {
        return false
      }
      let text = String(decoding: words, as: UTF8.self).split(separator: "\0")
      return text.contains("train") && text.contains { $0.hasPrefix(folder) }
    }
  }

  @Test(
    "However a search ends, its trials end with it, and the next one has the folder",
    arguments: [SIGINT, SIGTERM, SIGKILL], [nil, "shell", "nice -n 1"] as [String?])
  func ending(signal: Int32, executor: String?) throws {
    let rows = try writeRows(4000)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    var more = executor.map { ["--executor", $0] } ?? []
    if executor == "shell" {
      // A shell in between, as people write one.
      try "#!/bin/sh\n\"$@\"\nexit $?\n".write(
        toFile: folder + "/wrapper", atomically: true, encoding: .utf8)
      more = ["--executor", "/bin/sh \(folder)/wrapper"]
    }
    let search = try BuiltMartlet.start(command(rows, epochs: 1000, more))
    #expect(BuiltMartlet.wait { !trials.isEmpty })
    kill(search.processIdentifier, signal)
    search.waitUntilExit()
    #expect(search.terminationStatus == (signal == SIGKILL ? SIGKILL : 128 + signal))
    #expect(BuiltMartlet.wait { trials.isEmpty })
    let journal = try String(contentsOfFile: folder + "/search/journal.jsonl", encoding: .utf8)
    #expect(journal.split(separator: "\n").count == 1, "\(journal)")
  }

  @Test("A folder has one search at a time")
  func owner() throws {
    let rows = try writeRows(4000)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let search = try BuiltMartlet.start(command(rows, epochs: 1000))
    defer {
      kill(search.processIdentifier, SIGKILL)
      search.waitUntilExit()
    }
    #expect(BuiltMartlet.wait { !trials.isEmpty })
    let second = try BuiltMartlet.run(command(rows, epochs: 1000))
    #expect(second.code != 0 && second.text.contains("another martlet works"), "\(second.text)")
    let trial = try BuiltMartlet.run([
      "train", rows, "-o", folder + "/x", "--checkpoint", folder + "/search/trials/0",
    ])
    #expect(trial.code != 0 && trial.text.contains("another martlet works"), "\(trial.text)")
  }

  @Test("Changed data under the same path make a new search, and the old one is kept")
  func changedData() throws {
    let rows = try writeRows(60)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let first = try BuiltMartlet.run(command(rows, epochs: 1))
    #expect(first.code == 0, "\(first.text)")
    let same = try BuiltMartlet.run(command(rows, epochs: 1))
    #expect(same.code == 0 && same.text.contains("2 outcomes are in the journal"), "\(same.text)")
    _ = try writeRows(80)
    let changed = try BuiltMartlet.run(command(rows, epochs: 1))
    #expect(changed.code == 0 && changed.text.contains("the data have changed"), "\(changed.text)")
    #expect(
      !changed.text.contains("in the journal already") && changed.text.contains("trial 2 of 2"))
    #expect(FileManager.default.fileExists(atPath: folder + "/search/earlier-1/journal.jsonl"))
  }
}
