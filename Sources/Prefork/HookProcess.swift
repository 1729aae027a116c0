import CSystem
import Foundation
import Glibc

/// A command that runs beside the pool in a session of its own, so that it outlives the process that began it.
///
/// A process number alone can be another's by the time that somebody looks again; together with the moment of its birth it
/// cannot.
public struct HookProcess: Sendable, Equatable {
  /// The process, and the number of its session and process group.
  public let processIdentifier: Int32
  /// When it was born, in the kernel's ticks since the machine started.
  public let birth: Int

  /// A process as it was noted down.
  public init(processIdentifier: Int32, birth: Int) {
    (self.processIdentifier, self.birth) = (processIdentifier, birth)
  }

  /// Runs `/bin/sh -c command`.
  /// - Parameters:
  ///   - variables: added to the environment.
  ///   - outputPath: the file that its output goes to, made for the owner alone.
  /// - Throws: `PreforkError.cannotRun`.
  public static func run(
    _ command: String, variables: [String: String], outputPath: String
  ) throws(PreforkError) -> HookProcess {
    let output = open(outputPath, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    guard output >= 0 else {
      throw .cannotRun(command, reason: "\(outputPath): \(String(cString: strerror(errno)))")
    }
    defer { close(output) }
    var block: [CChar] = []
    for (name, value) in variables.sorted(by: { $0.key < $1.key }) {
      block +=
        Array("\(name)=\(value)".utf8.filter { $0 != 0 }).map { CChar(truncatingIfNeeded: $0) } + [
          0
        ]
    }
    let process = martlet_spawn_shell(command, block, block.count, output)
    guard process > 0 else {
      throw .cannotRun(command, reason: String(cString: strerror(errno)))
    }
    return HookProcess(processIdentifier: process, birth: birth(of: process) ?? 0)
  }

  /// Whether it still runs. Takes leave of it if it was this process' child and has ended.
  public var isRunning: Bool {
    var status: Int32 = 0
    if waitpid(processIdentifier, &status, WNOHANG) == processIdentifier { return false }
    return Self.birth(of: processIdentifier) == birth
  }

  /// Sends a signal to it and to what it has begun.
  public func signal(_ number: Int32) { _ = kill(-processIdentifier, number) }

  /// Field 22 of `/proc/PID/stat` (proc(5)); nil for a process that is not there or is a zombie.
  private static func birth(of process: Int32) -> Int? {
    guard let stat = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
      let end = stat.lastIndex(of: ")")
    else { return nil }
    let fields = stat[stat.index(after: end)...].split(separator: " ")
    guard fields.count > 19, fields[0] != "Z" else { return nil }
    return Int(fields[19])
  }
}
