import Foundation
import Testing
import Training

@Suite("Slurm's job arrays") struct SlurmArrayTests {
  private func folder() throws -> String {
    let path = NSTemporaryDirectory() + "slurm '\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    return path
  }

  private func run(_ script: String, task: Int) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", script]
    process.environment = ["SLURM_ARRAY_TASK_ID": "\(task)", "PATH": "/usr/bin:/bin"]
    try process.run()
    process.waitUntilExit()
  }

  @Test func eachTaskRunsItsOwnWordsAndTellsItsExitCode() throws {
    let folder = try folder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let hostile = "it's $HOME `id` \"x\"\\"
    let array = SlurmArray(
      folder: folder,
      tasks: [
        .init(words: ["sh", "-c", "exit 7"], log: "\(folder)/0.log"),
        .init(words: ["printf", "%s|", hostile, "", "b"], log: "\(folder)/1.log"),
      ])
    #expect(array.exitCode(of: 0) == nil)
    try run(array.script, task: 0)
    #expect(array.exitCode(of: 0) == 7)
    #expect(array.exitCode(of: 1) == nil)
    try run(array.script, task: 1)
    #expect(array.exitCode(of: 1) == 0)
    #expect(try String(contentsOfFile: "\(folder)/1.log", encoding: .utf8) == "\(hostile)||b|")
  }

  @Test func aLostTaskIsToldWithWhatToLookAt() {
    let error = SlurmError.lost(job: "7_1", log: "search/trials/1/log.txt")
    #expect(error.localizedDescription.contains("sacct -j 7_1"))
    #expect(error.localizedDescription.contains("search/trials/1/log.txt"))
  }
}
