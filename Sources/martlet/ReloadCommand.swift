import ArgumentParser
import Files
import Foundation
import JSON

/// Sends SIGHUP and waits for what becomes of it, so that a refused reload is a failed command.
struct Reload: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Make a running server read settings and models anew, and wait until it has.",
    discussion: """
      Knows the server by what it wrote for 'serve --ready-file'. Exits with 0 once all workers run the new load, and with 1 and \
      the reason if the server refused it: then the old model and settings serve on. 'systemctl reload martlet' runs this.

      Examples:
        sudo martlet reload
        martlet reload --ready-file /tmp/ready.json --timeout 60
      """)

  @Option(help: "The file of 'serve --ready-file'.")
  var readyFile = "/run/martlet/ready.json"
  @Option(help: "Seconds to wait at most.") var timeout = 280.0

  /// What the ready file says of reloads.
  private struct Reading {
    let arbiter, done, refused, generation: Int
    let refusal: String

    init?(_ path: String) {
      guard let data = FileManager.default.contents(atPath: path),
        let json = try? JSONValue(parsing: Array(data)),
        let arbiter = json["pids"]?["arbiter"]?.intValue, arbiter > 1,
        let reloads = json["reloads"], let done = reloads["done"]?.intValue,
        let refused = reloads["refused"]?.intValue
      else { return nil }
      (self.arbiter, self.done, self.refused) = (arbiter, done, refused)
      generation = json["generation"]?.intValue ?? 0
      refusal = reloads["refusal"]?.stringValue ?? "its log says why"
    }
  }

  func validate() throws {
    guard timeout > 0 else { throw ValidationError("--timeout takes seconds above 0") }
  }

  func run() throws {
    guard let before = Reading(readyFile) else {
      throw Failure(
        "\(readyFile) tells of no server: start it with --ready-file, wait until it is ready, or run this as its user or root"
      )
    }
    guard kill(pid_t(before.arbiter), SIGHUP) == 0 else {
      throw Failure(
        errno == EPERM
          ? "process \(before.arbiter) is another user's: sudo martlet reload"
          : "process \(before.arbiter), which \(readyFile) names, is not there: start the server")
    }
    let end = ContinuousClock.now + .seconds(timeout)
    while ContinuousClock.now < end {
      usleep(50_000)
      // It is not there only while one file takes another's place, or when the server ends.
      guard let now = Reading(readyFile), now.arbiter == before.arbiter else {
        if kill(pid_t(before.arbiter), 0) == 0 { continue }
        throw Failure("the server has ended meanwhile: its log says why")
      }
      if now.refused != before.refused {
        throw Failure(
          "the reload was refused, the old model and settings keep serving: \(now.refusal)")
      }
      if now.done != before.done {
        return try Console.report("reloaded, generation \(now.generation)")
      }
    }
    throw Failure(
      "no answer in \(timeout) seconds; the reload may still end well: its log says so, or wait longer with --timeout"
    )
  }

  /// What ended the command, in the server's words.
  private struct Failure: LocalizedError {
    let errorDescription: String?
    init(_ text: String) { errorDescription = text }
  }
}
