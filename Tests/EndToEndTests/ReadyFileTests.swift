import Foundation
import JSON
import TestDaemon
import Testing

/// What `--ready-file` says of the real binary.
@Suite(.enabled(if: BuiltMartlet.isThere, "needs the built martlet and Models/sms-spam"))
struct ReadyFileTests {
  @Test(arguments: ["--preload", "--no-preload"])
  func itNamesTheModelsWithTaskAndLabels(_ preload: String) throws {
    let daemon = try ServeProcess(
      ["-w", "1", preload], models: ["spam=\(BuiltMartlet.model)"], admin: "127.0.0.1:0")
    let ready = try #require(daemon.ready)
    let model = try #require(ready["models"]?[0])
    #expect(model["name"] == "spam" && model["role"] == "primary")
    #expect(model["task"] == "text-classification" && model["labels"] == 2)
    #expect(["f32", "bf16"].contains(model["precision"]?.stringValue ?? ""))
    #expect(ready["addresses"]?.arrayValue?.map { $0["scheme"] } == ["http", "http"])
    #expect(daemon.stop() == 0)
    #expect(daemon.ready == nil)
  }

  @Test func aPathThatCannotBeWrittenIsRefusedAtTheStartAndByCheckConfig() throws {
    for further in [[], ["--check-config"]] {
      let daemon = try ServeProcess(
        launching: BuiltMartlet.binary,
        ["serve", BuiltMartlet.model, "-b", "127.0.0.1:0", "--ready-file", "/no/such/ready"]
          + further)
      #expect(daemon.exitCode() ?? 0 != 0)
      #expect(daemon.output.contains("/no/such/ready cannot be written"), "\(daemon.output)")
    }
  }
}
