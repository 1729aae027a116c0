import Dispatch
import Foundation
import HTTP
import LoopbackClient

/// A server on a free loopback port that stops with the test.
final class ServerFixture: Sendable {
  let server: HTTPServer
  let listener = LoopbackListener()

  init(
    _ adjust: (inout HTTPServerConfiguration) throws -> Void = { _ in },
    handler: @escaping RequestHandler = ServerFixture.describe
  ) throws {
    var configuration = HTTPServerConfiguration()
    try adjust(&configuration)
    server = try HTTPServer(
      listeners: [listener.descriptor], configuration: configuration, handler: handler)
    server.start()
  }

  deinit {
    server.drain(deadline: 0) {}
    close(listener.descriptor)
  }

  var client: LoopbackClient { LoopbackClient(port: listener.port) }

  /// Says who asks and how, and what for.
  static let describe: RequestHandler = { request, _ in
    let scheme = request.isSecure ? "https" : "http"
    return .text(
      .ok,
      "\(scheme) \(request.peer) \(request.path) \(String(decoding: request.body, as: UTF8.self))"
    )
  }
}

/// Runs a program to its end, with a limit of time.
func run(_ command: [String], input: String = "") throws -> (status: Int32, output: String) {
  let process = Process()
  process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
  process.arguments = ["timeout", "120"] + command
  let (stdin, stdout) = (Pipe(), Pipe())
  process.standardInput = stdin
  process.standardOutput = stdout
  process.standardError = stdout
  try process.run()
  stdin.fileHandleForWriting.write(Data(input.utf8))
  try stdin.fileHandleForWriting.close()
  let output = stdout.fileHandleForReading.readDataToEndOfFile()
  process.waitUntilExit()
  return (process.terminationStatus, String(decoding: output, as: UTF8.self))
}
