import ArgumentParser
import Doctor
import Files

/// What a container's health check runs, in an image that has no curl.
struct Probe: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Ask the server on this machine whether it is ready.",
    discussion: """
      Exits with 0 if GET /readyz on 127.0.0.1 answers 200 within five seconds, else with 1. For a container: \
      HEALTHCHECK CMD ["martlet", "probe"].

      Example:
        martlet probe --port 5000
      """)

  @Option(help: "The port of the listener.") var port: UInt16 = 5000
  @Option(help: "The path to ask for.") var path = "/readyz"

  func run() throws {
    let status = Machine.this().ask(port, path, "localhost")?.status
    if status == 200 { return try Console.report("ready") }
    try Console.print(
      status.map { "127.0.0.1:\(port)\(path) answers \($0)" }
        ?? "nothing answers on 127.0.0.1:\(port)")
    throw ExitCode(1)
  }
}
