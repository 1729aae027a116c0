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
}
