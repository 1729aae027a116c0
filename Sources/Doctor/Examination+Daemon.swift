import Foundation
import JSON

/// What the daemon itself tells: which models it serves, and what became of its latest reload.
extension Examination {
  /// What it wrote for `--ready-file`, as the unit has it; nil where that cannot be read.
  private var told: JSONValue? {
    machine.text("/run/martlet/ready.json").flatMap { try? JSONValue(parsing: Array($0.utf8)) }
  }

  private func asked(_ port: UInt16?, _ path: String) -> JSONValue? {
    guard let port, let answer = machine.ask(port, path, "localhost"), answer.status == 200 else {
      return nil
    }
    return try? JSONValue(parsing: answer.body)
  }

  /// Names and versions of what is served; empty where the daemon does not say.
  var servedModels: [String] {
    let models =
      told?["models"]?.arrayValue ?? asked(port, "/v1/models")?["data"]?.arrayValue ?? []
    return models.compactMap { model in
      guard let name = (model["name"] ?? model["id"])?.stringValue else { return nil }
      return model["version"]?.stringValue.map { "\(name) (version \($0))" } ?? name
    }
  }

  /// A reload that was refused: the old model serves on, and somebody waits for the new one.
  func reload() -> [Finding] {
    guard
      let reloads = told?["reloads"] ?? asked(adminPort, "/monitor.json")?["pool"]?["reloads"]
    else { return [] }
    guard let refusal = reloads["refusal"]?.stringValue else {
      return [Finding("reload", .sound, "no reload was refused since the latest that went through")]
    }
    return [
      Finding(
        "reload", .warning, "the latest reload was refused, the old model serves: \(refusal)",
        mend: "mend that, then: sudo systemctl reload martlet")
    ]
  }

  /// Whether the served model is complete, and is what its folder's name says.
  func model() -> Finding {
    let path = "/var/lib/martlet/model"
    let served = servedModels.isEmpty ? nil : "it serves " + servedModels.joined(separator: ", ")
    guard machine.exists(path + "/config.json") else {
      return served.map { Finding("model", .sound, $0) }
        ?? Finding(
          "model", .failure, "\(path) holds no model, and the daemon names none",
          mend: "sudo deploy/install.sh --model DIR")
    }
    guard
      let target = try? FileManager.default.destinationOfSymbolicLink(atPath: machine.root + path),
      let expected = target.split(separator: "-").last, expected.count == 12,
      expected.allSatisfy(\.isHexDigit)
    else {
      let words = "its folder's name holds no checksum to compare with"
      return served.map { Finding("model", .sound, "\($0); \(words)") }
        ?? Finding("model", .unknown, words)
    }
    // The sum that deploy/install.sh names the folder by.
    let sum = """
      cd "$0" && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -c1-12
      """
    guard let shown = machine.run(["sh", "-c", sum, machine.root + path + "/"]), shown.status == 0
    else {
      return Finding("model", .unknown, "its checksum could not be made")
    }
    return shown.output == expected
      ? Finding(
        "model", .sound,
        "\(target) has the checksum that it was installed with" + (served.map { "; \($0)" } ?? ""))
      : Finding(
        "model", .failure, "\(target) was changed: its checksum is \(shown.output)",
        mend: "remove the folder and run sudo deploy/install.sh --model DIR again")
  }
}
