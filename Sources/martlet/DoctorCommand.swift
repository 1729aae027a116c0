import ArgumentParser
import Doctor
import Files
import Foundation

struct Doctor: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Examine a running installation and say how to mend what is wrong.",
    discussion: """
      Looks at the unit, the listeners, the latest reload, Nginx's servers that send to the port (whoever wrote them), their \
      certificates' days left, the model that is served and its checksum, the clock, limits and disks. Exits as monitoring plugins do: 0 sound, 1 warning, 2 failure. \
      Some checks need root.

      Examples:
        sudo martlet doctor
        martlet doctor --port 8080 --json
      """)

  @Option(help: "Port of the public listener.") var port: UInt16 = 5000
  @Option(help: "Port of the admin listener; 0 for none.") var adminPort: UInt16 = 5001
  @Flag(help: "Print one JSON object a line.") var json = false

  func run() throws {
    let examination = Examination(
      machine: .this(), port: port, adminPort: adminPort == 0 ? nil : adminPort)
    let findings = examination.findings()
    for finding in findings {
      if json {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        var fields = [
          "subject": finding.subject, "gravity": finding.gravity.word.lowercased(),
          "detail": finding.detail,
        ]
        fields["mend"] = finding.mend
        try Console.print(String(decoding: try encoder.encode(fields), as: UTF8.self))
      } else {
        func padded(_ text: String, _ width: Int) -> String {
          text.padding(toLength: width, withPad: " ", startingAt: 0)
        }
        try Console.print(
          padded(finding.gravity.word, 8) + padded(finding.subject, 12) + finding.detail)
        if let mend = finding.mend { try Console.print(padded("", 20) + "mend: " + mend) }
      }
    }
    throw ExitCode(Examination.exitCode(findings))
  }
}
