import Foundation
import Testing

@Suite("Documentation, against the command's own help")
struct DocumentationTests {
  private static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
  private static let binary = URL(fileURLWithPath: CommandLine.arguments[0])
    .deletingLastPathComponent().appendingPathComponent("martlet").path
  static var isThere: Bool { FileManager.default.isExecutableFile(atPath: binary) }

  private func run(_ program: String, _ arguments: [String], input: String = "") throws -> (
    code: Int32, output: String
  ) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    process.currentDirectoryURL = URL(fileURLWithPath: NSTemporaryDirectory())
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    process.standardInput = FileHandle.nullDevice
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: data, as: UTF8.self))
  }

  @Test(.enabled(if: isThere, "needs the built martlet"))
  func everyOptionOfServeStandsInTheReferenceWithItsDefault() throws {
    let page = try String(
      contentsOf: Self.root.appendingPathComponent("docs/configuration.md"), encoding: .utf8)
    let written = Set(page.components(separatedBy: "\n"))
    let help = try run(Self.binary, ["manual", "--options"]).output
    let facts = help.components(separatedBy: "\n").filter {
      $0.hasPrefix("### ") || $0.hasPrefix("Default: ")
    }
    #expect(facts.count > 60)
    let missing = facts.filter { !written.contains($0) }
    #expect(missing == [], "run `make docs` and commit docs/configuration.md")
  }

  @Test(
    .enabled(
      if: isThere && FileManager.default.isExecutableFile(atPath: "/usr/bin/mandoc"), "needs mandoc"
    ))
  func theManualPageHasNoFaultThatMandocFinds() throws {
    let path = NSTemporaryDirectory() + "martlet-\(UUID().uuidString).1"
    defer { unlink(path) }
    try run(Self.binary, ["manual"]).output.write(toFile: path, atomically: true, encoding: .utf8)
    let lint = try run("/usr/bin/mandoc", ["-Tlint", "-W", "warning", path])
    #expect(lint.code == 0, "\(lint.output)")
  }

  @Test(.enabled(if: isThere, "needs the built martlet"))
  func settingsThatAreWrongAreRefusedWithWhoSetThem() throws {
    let path = NSTemporaryDirectory() + "martlet-\(UUID().uuidString).toml"
    defer { unlink(path) }
    func refusal(_ text: String) throws -> String {
      try text.write(toFile: path, atomically: true, encoding: .utf8)
      let result = try run(Self.binary, ["serve", "-c", path, "--check-config"])
      #expect(result.code != 0)
      return result.output
    }
    #expect(
      try refusal("\nwrokers = 2\n").contains(
        "line 2: there is no setting 'wrokers'; did you mean 'workers'?"))
    let value = try refusal("models = [\"m\"]\nworkers = \"many\"\n")
    #expect(value.contains("workers is set by: \(path) line 2"))
    #expect(value.contains("'many'"))
  }

  @Test(.enabled(if: isThere, "needs the built martlet"))
  func theFirstPlaceThatNamesASettingWinsAndIsNamed() throws {
    let path = NSTemporaryDirectory() + "martlet-\(UUID().uuidString).toml"
    defer { unlink(path) }
    try "models = [\"m\"]\nworkers = 3\nbacklog = 7\n".write(
      toFile: path, atomically: true, encoding: .utf8)
    let output = try run(
      "/usr/bin/env",
      [
        "MARTLET_WORKERS=4", "MARTLET_TIMEOUT=9", Self.binary, "serve", "-c", path, "-t", "8",
        "--print-config",
      ]
    ).output
    #expect(output.contains("workers = 4  # environment, MARTLET_WORKERS\n"))
    #expect(output.contains("timeout = 8  # command line\n"))
    #expect(output.contains("backlog = 7  # \(path) line 3\n"))
    #expect(output.contains("graceful_timeout = 30.0  # default\n"))
  }

  @Test(
    .enabled(
      if: FileManager.default.isExecutableFile(atPath: "/usr/bin/python3"), "needs python3"))
  func thePageCheckNamesWhatThePagesHaveWrong() throws {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("martlet-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    func write(_ text: String, to path: String) throws {
      let file = folder.appendingPathComponent(path)
      try FileManager.default.createDirectory(
        at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try text.write(to: file, atomically: true, encoding: .utf8)
    }
    try write("struct Wing { var span = 1 }\n", to: "Sources/Bird/Wing.swift")
    try write(".target(name: \"Bird\", dependencies: [\"Air\"])\n", to: "Package.swift")
    let check = Self.root.appendingPathComponent(".ci/check_docs.py").path
    func verdict(_ page: String) throws -> (code: Int32, output: String) {
      try write(page, to: "ARCHITECTURE.md")
      return try run("/usr/bin/python3", [check, folder.path])
    }
    let row = "| `Sources/Bird` | flies | `Air` |\n"
    let good = try verdict(
      "# A bird\n\n\(row)\n`Bird/Wing.swift`, `Sources/Bird`, `Wing.span`, [up](#a-bird)\n")
    #expect(good.code == 0, "\(good.output)")
    for (fault, told) in [
      ("`Bird/Beak.swift`", "there is no 'Bird/Beak.swift'"),
      ("`Sources/Fish`", "there is no 'Sources/Fish'"),
      ("`Bird/Tail`", "there is no 'Sources/Bird/Tail'"),
      ("`Wing.beat`", "there is no 'Wing.beat'"),
      ("[down](docs/down.md)", "'docs/down.md' leads nowhere"),
      ("[up](#a-fish)", "no heading '#a-fish'"),
      ("```sh\nSources/Bird/run MODEL\n```", "there is no 'Sources/Bird/run'"),
    ] {
      let bad = try verdict("# A bird\n\n\(row)\n\(fault)\n")
      #expect(bad.code == 1 && bad.output.contains(told), "\(fault): \(bad.output)")
    }
    let layers = try verdict("| `Sources/Bird` | flies | nothing |\n")
    #expect(layers.code == 1 && layers.output.contains("Bird depends on `Air`"))
  }
}
