import Foundation
import JSON
import Synchronization

/// A daemon for one test, with a folder of its own: known to serve by its ready file, and ended with the test.
package final class ServeProcess: Sendable {
  /// The process that was started: the arbiter, until a new binary takes over.
  package let processIdentifier: Int32
  private let process: Mutex<Process>
  private let folder: String

  /// A daemon that ended, or was silent for a minute, before it was ready.
  package struct NotReady: Error {
    /// What it said.
    let output: String
  }

  /// What the ready file says.
  package struct Ready {
    let json: JSONValue

    /// The arbiter that serves.
    package var arbiter: Int32 { Int32(json["pids"]?["arbiter"]?.intValue ?? 0) }
    /// The processes that serve.
    package var workers: Set<Int32> {
      Set((json["pids"]?["workers"]?.arrayValue ?? []).compactMap { $0.intValue.map(Int32.init) })
    }
    /// How many loads there have been.
    package var generation: Int { json["generation"]?.intValue ?? 0 }
    /// The whole file.
    package subscript(key: String) -> JSONValue? { json[key] }

    /// The port of the first such listener; 0 where there is none.
    package func port(admin: Bool = false) -> UInt16 {
      let all = json["addresses"]?.arrayValue ?? []
      return UInt16(all.first { $0["admin"] == JSONValue(admin) }?["port"]?.intValue ?? 0)
    }
  }

  /// Starts a program and does not wait for it.
  /// - Parameters:
  ///   - arguments: `{ready}` in them stands for the ready file.
  ///   - environment: is added to the test's own.
  ///   - descriptors: how many files each process may have open; nil for what the test may.
  package init(
    launching program: URL, _ arguments: [String], environment: [String: String] = [:],
    descriptors: Int? = nil
  ) throws {
    folder = NSTemporaryDirectory() + "martlet-serve-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    _ = FileManager.default.createFile(atPath: folder + "/log", contents: nil)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    let limit = descriptors.map { "ulimit -n \($0) && " } ?? ""
    let ready = folder + "/ready"
    process.arguments =
      ["-c", "\(limit)exec \"$@\"", "sh", program.path]
      + arguments.map { $0 == "{ready}" ? ready : $0 }
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    let output = FileHandle(forWritingAtPath: folder + "/log")
    process.standardOutput = output
    process.standardError = output
    process.standardInput = FileHandle.nullDevice
    try process.run()
    processIdentifier = process.processIdentifier
    self.process = Mutex(process)
  }

  /// Starts `martlet serve` on a free port and waits until all its workers serve.
  /// - Parameters:
  ///   - models: what is served, as the command line names it.
  ///   - admin: the address of the admin listener.
  ///   - environment: is added to the test's own.
  package convenience init(
    _ arguments: [String], models: [String] = [BuiltMartlet.model], admin: String = "none",
    environment: [String: String] = [:], descriptors: Int? = nil
  ) throws {
    try self.init(
      launching: BuiltMartlet.binary,
      ["serve"] + models + arguments
        + ["-b", "127.0.0.1:0", "--admin-bind", admin, "--ready-file", "{ready}"],
      environment: environment, descriptors: descriptors)
    guard waitUntilReady() else { throw NotReady(output: output) }
  }

  deinit {
    killAll()
    try? FileManager.default.removeItem(atPath: folder)
  }

  /// What the ready file says now; nil where it is not there.
  package var ready: Ready? {
    guard let data = FileManager.default.contents(atPath: folder + "/ready"),
      let json = try? JSONValue(parsing: Array(data))
    else { return nil }
    return Ready(json: json)
  }

  /// Waits until all workers serve, at most a minute; false too if the daemon ends before.
  package func waitUntilReady() -> Bool {
    _ = BuiltMartlet.wait { ready != nil || Self.hasEnded(processIdentifier) }
    return ready != nil
  }

  /// Where it is reached.
  package var port: UInt16 { ready?.port() ?? 0 }
  /// Where the health process is reached.
  package var adminPort: UInt16 { ready?.port(admin: true) ?? 0 }

  /// Everything that it has said.
  package var output: String {
    String(decoding: FileManager.default.contents(atPath: folder + "/log") ?? Data(), as: UTF8.self)
  }

  /// Sends a signal, to the process that was started unless another is named.
  package func signal(_ number: Int32, to process: Int32? = nil) {
    kill(process ?? processIdentifier, number)
  }

  /// Asks it to read everything anew, and waits until the new workers serve or the reload is refused.
  /// - Returns: whether the new workers serve.
  package func reload() -> Bool {
    let (before, refused) = (ready?.generation ?? 0, refusals)
    signal(SIGHUP)
    _ = BuiltMartlet.wait { (ready?.generation ?? 0) > before || refusals > refused }
    return (ready?.generation ?? 0) > before
  }

  private var refusals: Int { output.components(separatedBy: "reload refused").count }

  /// The workers that an arbiter has at this moment, ready or not; of the process that was started where none is named.
  package func workers(of arbiter: Int32? = nil) -> Set<Int32> {
    Set(Self.children(of: arbiter ?? processIdentifier).filter { Self.isWorker($0) })
  }

  /// The workers of the process that was started.
  package var workers: Set<Int32> { workers() }

  private static func isWorker(_ process: Int32) -> Bool {
    let name = FileManager.default.contents(atPath: "/proc/\(process)/comm") ?? Data()
    return name.starts(with: "martlet-w".utf8)
  }

  private static func children(of process: Int32) -> [Int32] {
    let path = "/proc/\(process)/task/\(process)/children"
    let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
    return text.split(separator: " ").compactMap { Int32($0) }
  }

  /// Whether a process is no more, or waits only for its parent to take note of its end.
  package static func hasEnded(_ process: Int32) -> Bool {
    let text = (try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)) ?? ""
    return kill(process, 0) != 0 || text.split(separator: ")").last?.hasPrefix(" Z") ?? true
  }

  /// The exit code, once the process has ended; nil if it does not within a minute.
  ///
  /// Asked of the kernel too: Foundation takes a process for alive while a child that it started (the new binary of
  /// SIGUSR2) holds what it inherited.
  package func exitCode() -> Int32? {
    var information = siginfo_t()
    var code: Int32?
    _ = BuiltMartlet.wait {
      let found = waitid(
        P_PID, id_t(processIdentifier), &information, WEXITED | WNOHANG | WNOWAIT)
      if found == 0 && information.si_signo == SIGCHLD {
        code = information._sifields._sigchld.si_status
      } else {
        code = process.withLock { $0.isRunning ? nil : $0.terminationStatus }
      }
      return code != nil
    }
    return code
  }

  /// Asks it to end, and waits. Returns its exit code.
  @discardableResult
  package func stop() -> Int32? {
    signal(SIGTERM)
    return exitCode()
  }

  /// Ends every process of the pool at once, as a loss of power would.
  package func killAll() {
    let arbiters = Set([processIdentifier, ready?.arbiter ?? processIdentifier])
    let all = arbiters.flatMap { [$0] + Self.children(of: $0) }
    for process in all { kill(process, SIGKILL) }
    _ = BuiltMartlet.wait { all.allSatisfy(Self.hasEnded) }
  }
}
