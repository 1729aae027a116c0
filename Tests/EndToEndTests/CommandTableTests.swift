import Foundation
import JSON
import TestDaemon
import Testing

/// Drives every subcommand once in each way that goes wrong for users: `CommandRow.all` is the table.
@Suite(
  "Every subcommand, through the binary",
  .enabled(if: BuiltMartlet.isThere, "needs the built martlet and Models/sms-spam"),
  .timeLimit(.minutes(5)))
struct CommandTableTests {
  @Test("Each subcommand that the help knows has a row")
  func coverage() throws {
    let folder = try CommandFolder()
    let dump = try folder.run(CommandRow("--experimental-dump-help", []), out: "a")
    let root = try #require(try JSONValue(parsing: Array(dump.output.utf8))["command"])
    func leaves(_ command: JSONValue, _ path: [String]) -> [String] {
      let below = command["subcommands"]?.arrayValue ?? []
      if below.isEmpty { return [path.joined(separator: " ")] }
      return below.flatMap { leaves($0, path + [$0["commandName"]?.stringValue ?? ""]) }
    }
    let known = Set(leaves(root, [])).subtracting(["help"])
    #expect(known.count > 15)
    #expect(known.symmetricDifference(CommandRow.all.map(\.name)) == [])
  }

  @Test("An ordinary input ends well, with every output whole", arguments: CommandRow.all)
  func ordinary(row: CommandRow) throws {
    let folder = try CommandFolder()
    let outcome = try folder.run(row, out: "a")
    expectSuccess(outcome, row, folder, out: "a")
    #expect(!outcome.output.isEmpty || !row.outputs.isEmpty || row.isRefused)
    #expect(!row.isRefused || outcome.lines.contains { $0.hasPrefix("Error: ") })
  }

  @Test(
    "A missing input is named in one line, and nothing is written",
    arguments: CommandRow.all.filter { $0.input != nil })
  func missing(row: CommandRow) throws {
    let folder = try CommandFolder()
    let path = folder.path + "/missing"
    let before = try folder.withOldOutputs(row, out: "a")
    expectRefusal(try folder.run(row, input: path, out: "a"), naming: path)
    #expect(try folder.contents() == before)
    let unheard = try folder.run(
      row, input: path, out: "a", error: FileHandle(forWritingAtPath: "/dev/full"))
    #expect((1..<128).contains(unheard.code) && !unheard.isSignal, "\(unheard)")
  }

  @Test(
    "An empty input is named in one line or gives an empty output",
    arguments: CommandRow.all.filter { $0.input != nil })
  func empty(row: CommandRow) throws {
    let folder = try CommandFolder()
    let path = folder.path + "/empty"
    let before = try folder.withOldOutputs(row, out: "a")
    let outcome = try folder.run(row, input: path, out: "a")
    if row.empty == .accepted {
      return expectSuccess(outcome, row, folder, out: "a", mayBeEmpty: true)
    }
    expectRefusal(outcome, naming: path)
    #expect(try folder.contents() == before)
  }

  @Test(
    "Standard input is read as a file is, or refused by its name",
    arguments: CommandRow.all.filter { $0.input != nil })
  func standardInput(row: CommandRow) throws {
    let folder = try CommandFolder()
    let before = try folder.withOldOutputs(row, out: "a")
    let outcome = try folder.run(row, input: "-", out: "a", standardInput: row.input)
    guard row.standardInput == .accepted else {
      expectRefusal(outcome, naming: "-")
      #expect(try folder.contents() == before)
      return
    }
    expectSuccess(outcome, row, folder, out: "a")
    guard row.isDeterministic else { return }
    #expect(try folder.run(row, out: "b").output == outcome.output)
    #expect(folder.outputs(row, out: "b") == folder.outputs(row, out: "a"))
  }

  @Test("A reader that has gone ends no command by a fault", arguments: CommandRow.all)
  func closedPipe(row: CommandRow) throws {
    let folder = try CommandFolder()
    var ends: [Int32] = [0, 0]
    #expect(pipe(&ends) == 0)
    close(ends[0])
    _ = fcntl(ends[1], F_SETFD, FD_CLOEXEC)
    let pipe = FileHandle(fileDescriptor: ends[1])
    let outcome = try folder.run(row, out: "a", output: pipe)
    #expect(!outcome.isCrash && outcome.code < 128, "\(outcome)")
    #expect(outcome.lines.count { $0.hasPrefix("Error: ") } <= 1, "\(outcome)")
    try expectWholeOrAbsent(row, folder, out: "a")
  }

  @Test("Standard output that is full is said and is no success", arguments: CommandRow.all)
  func fullOutput(row: CommandRow) throws {
    let folder = try CommandFolder()
    let full = FileHandle(forWritingAtPath: "/dev/full")
    let outcome = try folder.run(row, out: "a", output: full)
    try expectWholeOrAbsent(row, folder, out: "a")
    if try folder.run(row, out: "b").output.isEmpty {
      return expectSuccess(outcome, row, folder, out: "a")
    }
    #expect((1..<128).contains(outcome.code) && !outcome.isSignal, "\(outcome)")
    let errors = outcome.lines.filter { $0.hasPrefix("Error: ") }
    #expect(errors.count == 1 && errors.allSatisfy { $0.contains("standard output") }, "\(outcome)")
  }

  @Test("Standard error that is full does no harm", arguments: CommandRow.all)
  func fullError(row: CommandRow) throws {
    let folder = try CommandFolder()
    let full = FileHandle(forWritingAtPath: "/dev/full")
    let outcome = try folder.run(row, out: "a", error: full)
    expectSuccess(outcome, row, folder, out: "a")
    guard row.isDeterministic else { return }
    let ordinary = try folder.run(row, out: "b")
    #expect(
      outcome.output
        == ordinary.output.replacing("\(folder.path)/out/b", with: "\(folder.path)/out/a"))
    #expect(folder.outputs(row, out: "b") == folder.outputs(row, out: "a"))
  }

  @Test(
    "Streams that are closed from the start are no place for an output", arguments: CommandRow.all)
  func closedStreams(row: CommandRow) throws {
    let folder = try CommandFolder()
    for redirection in [">&-", "<&- >&- 2>&-"] {
      let outcome = try folder.run(row, out: "a", redirection: redirection)
      #expect(!outcome.isSignal && outcome.code < 128, "\(outcome)")
      try expectWholeOrAbsent(row, folder, out: "a")
    }
  }

  @Test("A report and a copied store hold what a daemon knows, which serves though nobody hears it")
  func daemon() throws {
    let folder = try CommandFolder()
    let daemon = try ServeProcess(
      launching: URL(fileURLWithPath: "/bin/sh"),
      [
        "-c", "exec \"$@\" >/dev/full 2>/dev/full", "sh", BuiltMartlet.binary.path, "serve",
        BuiltMartlet.model, "-w", "1", "-b", "127.0.0.1:0", "--admin-bind",
        "unix:\(folder.path)/listener", "--store", "\(folder.path)/kept.db", "--ready-file",
        "{ready}",
      ])
    try #require(daemon.waitUntilReady(), "\(daemon.output)")
    let report = CommandRow("report", ["--socket", "\(folder.path)/listener", "--json"])
    let said = try folder.run(report, out: "a")
    expectSuccess(said, report, folder, out: "a")
    let page = try JSONValue(parsing: Array(said.output.utf8))
    #expect(page["workers"]?.arrayValue?.count == 1)
    #expect(daemon.stop() == 0)
    let copy = CommandRow(
      "store migrate", ["\(folder.path)/kept.db", "{out}.db"], outputs: ["{out}.db"])
    let copied = try folder.run(copy, out: "a")
    expectSuccess(copied, copy, folder, out: "a")
    #expect(copied.output.hasPrefix("copied ") && !copied.output.contains(" 0 snapshots"))
  }

  private func expectSuccess(
    _ outcome: CommandFolder.Outcome, _ row: CommandRow, _ folder: CommandFolder, out: String,
    mayBeEmpty: Bool = false, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(
      outcome.code == row.code && !outcome.isSignal
        && outcome.lines.count { $0.contains("Error") } <= (row.isRefused ? 1 : 0),
      "\(outcome)", sourceLocation: sourceLocation)
    let outputs = folder.outputs(row, out: out)
    #expect(
      outputs.count == row.outputs.count && (mayBeEmpty || !outputs.contains { $0.value.isEmpty }),
      "wrote \(outputs.keys.sorted())", sourceLocation: sourceLocation)
    expectNothingLeft(folder, sourceLocation)
  }

  /// One line that begins with `Error:`, says `name` and is nobody's debugging text.
  private func expectRefusal(
    _ outcome: CommandFolder.Outcome, naming name: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(
      (1..<128).contains(outcome.code) && !outcome.isSignal, "\(outcome)",
      sourceLocation: sourceLocation)
    let line = outcome.lines.first ?? ""
    let isNamed =
      name == "-"
      ? line.hasPrefix("Error: -") || line.contains("standard input") : line.contains(name)
    #expect(
      outcome.lines.count == 1 && line.hasPrefix("Error: ") && isNamed
        && !line.contains("Error Domain=") && outcome.output.isEmpty,
      "\(outcome)", sourceLocation: sourceLocation)
  }

  /// What a file holds must be what it holds after an ordinary run, where that is always the same.
  private func expectWholeOrAbsent(
    _ row: CommandRow, _ folder: CommandFolder, out: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    expectNothingLeft(folder, sourceLocation)
    guard row.isDeterministic, !row.outputs.isEmpty else { return }
    _ = try folder.run(row, out: "whole")
    let whole = folder.outputs(row, out: "whole")
    for (name, data) in folder.outputs(row, out: out) {
      #expect(whole[name] == data, "\(name)", sourceLocation: sourceLocation)
    }
  }

  /// Files on their way to a name are nobody's output.
  private func expectNothingLeft(_ folder: CommandFolder, _ sourceLocation: SourceLocation) {
    let names = (try? FileManager.default.subpathsOfDirectory(atPath: folder.path)) ?? []
    let left = names.filter { $0.contains(".partial") || $0.contains(".tmp") || $0.contains("/.") }
    #expect(left == [], sourceLocation: sourceLocation)
  }
}
