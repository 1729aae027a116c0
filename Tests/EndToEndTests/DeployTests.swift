import Foundation
import Testing

@Suite("Deployment files, against the real programs")
struct DeployTests {
  @Test("every check of Tests/Deploy/check.sh passes")
  func checks() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/bash")
    process.arguments = [root.appendingPathComponent("Tests/Deploy/check.sh").path]
    var environment = ProcessInfo.processInfo.environment
    if environment["MARTLET_BINARY"] == nil {
      environment["MARTLET_BINARY"] = root.appendingPathComponent(".build/release/martlet").path
    }
    process.environment = environment
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    process.standardInput = FileHandle.nullDevice
    try process.run()
    let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    print(output)
    #expect(process.terminationStatus == 0, "\(output)")
  }
}
