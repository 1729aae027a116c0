import ArgumentParser
import Files
import Foundation
import Serving

struct Report: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write what /monitor shows now as one HTML file.",
    discussion: """
      Asks the admin listener of a running daemon once. The file needs nothing from elsewhere: keep it, send it, open it \
      anywhere.

      Examples:
        martlet report -o health.html
        martlet report --url http://10.0.0.7:5001 --range 86400 -o day.html
        martlet report --socket /run/martlet/admin.sock --json | jq .verdict
      """)

  @Option(help: "Address of the admin listener.") var url = "http://127.0.0.1:5001"
  @Option(help: "Path of the admin listener's Unix-domain socket, in place of --url.")
  var socket: String?
  @Option(help: "How many seconds the series reach back, from 300 to 604800.") var range = 3600.0
  @Option(help: "File with the token that the admin listener asks for.") var adminTokenFile: String?
  @Flag(help: "Write the figures as JSON in place of the page.") var json = false
  @Option(name: .shortAndLong, help: "File to write; standard output when not given.")
  var output: String?

  func validate() throws {
    guard (300...604_800).contains(range) else {
      throw ValidationError("--range \(range): give seconds from 300 to 604800 (7 days)")
    }
  }

  func run() throws {
    let token = try adminTokenFile.map(SecretFile.read)
    let client = AdminClient(socket.map { .socket($0) } ?? .url(url), token: token)
    let monitor = try client.monitor(seconds: range)
    let text = json ? monitor.serialized(pretty: true) + "\n" : MonitorReport.html(monitor)
    guard let output else {
      return try Console.print(text, terminator: "")
    }
    try OutputFile.write(text, to: output)
    try Console.report("wrote \(output)")
  }
}
