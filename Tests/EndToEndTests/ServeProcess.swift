import Foundation
import Synchronization

/// A `martlet serve` of the embedded model on a free port, for one test. Ends with the test.
final class ServeProcess: Sendable {
  let port: UInt16
  let processIdentifier: Int32
  private let process: Mutex<Process>
  private let log: String

  struct NotReady: Error {
    let output: String
  }

  /// - Parameter descriptors: how many files each process may have open; nil for what the test may.
  init(_ arguments: [String], descriptors: Int? = nil) throws {
    log = NSTemporaryDirectory() + "martlet-serve-\(UUID().uuidString)"
    _ = FileManager.default.createFile(atPath: log, contents: nil)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    let limit = descriptors.map { "ulimit -n \($0) && " } ?? ""
    process.arguments =
      ["-c", "\(limit)exec \"$@\"", "sh", BuiltMartlet.binary.path, "serve", BuiltMartlet.model]
      + arguments
      + ["-b", "127.0.0.1:0", "--admin-bind", "none"]
    let output = FileHandle(forWritingAtPath: log)
    process.standardOutput = output
    process.standardError = output
    process.standardInput = FileHandle.nullDevice
    try process.run()
    processIdentifier = process.processIdentifier
    let path = log
    let read = { (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" }
    let identifier = process.processIdentifier
    // "try: curl -s https://127.0.0.1:PORT/predict"
    _ = BuiltMartlet.wait { read().contains("/predict") || kill(identifier, 0) != 0 }
    let rest = read().components(separatedBy: "://127.0.0.1:").last ?? ""
    guard let port = UInt16(rest.prefix { $0.isNumber }) else {
      kill(identifier, SIGKILL)
      throw NotReady(output: read())
    }
    self.port = port
    self.process = Mutex(process)
  }

  deinit {
    kill(processIdentifier, SIGKILL)
    unlink(log)
  }

  /// Everything that it has said.
  var output: String { (try? String(contentsOfFile: log, encoding: .utf8)) ?? "" }

  func signal(_ number: Int32) { kill(processIdentifier, number) }

  /// The processes that serve.
  var workers: Set<Int32> {
    let path = "/proc/\(processIdentifier)/task/\(processIdentifier)/children"
    let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
    return Set(
      text.split(separator: " ").compactMap { Int32($0) }.filter {
        let name = (try? String(contentsOfFile: "/proc/\($0)/comm", encoding: .utf8)) ?? ""
        return name.hasPrefix("martlet-w")
      })
  }

  /// Asks it to end, and waits. Returns its exit code.
  func stop() -> Int32 {
    signal(SIGTERM)
    return process.withLock {
      $0.waitUntilExit()
      return $0.terminationStatus
    }
  }
}
