import Files
import Foundation
import Glibc

/// What can go wrong in the pool: each case says what, where, and how to mend it.
public enum PreforkError: Error, Equatable, Sendable {
  /// Shared memory of this size could not be mapped.
  case mapping(byteCount: Int, code: Int32)
  /// A view asked for more bytes than the shared memory has left.
  case sharedMemoryFull(requested: Int, available: Int)
  /// A size or count that makes no sense.
  case invalidSize(Int)
  /// A listening address that cannot be read.
  case invalidAddress(String, reason: String)
  /// A listening socket could not be made.
  case listening(address: String, operation: String, code: Int32)
  /// A setting outside its range.
  case invalidSetting(name: String, value: String, reason: String)
  /// The user or group to run workers as does not exist.
  case unknownAccount(kind: String, name: String)
  /// This process may not become that user or group.
  case notPermitted(user: String, group: String)
  /// A file cannot be written.
  case writing(path: String, reason: String)
  /// The pid file names a process that is alive.
  case alreadyRunning(pidFile: String, processIdentifier: Int32)
  /// A system call of the arbiter failed.
  case systemCall(String, code: Int32)
  /// The arbiter has more threads than its own, so that forking would be unsafe.
  case threadsBeforeFork(Int)
  /// A hook's command cannot be run.
  case cannotRun(String, reason: String)
}

extension PreforkError: LocalizedError {
  /// One sentence: what failed, where, and what to do.
  public var errorDescription: String? {
    switch self {
    case .mapping(let byteCount, let code):
      "cannot map \(byteCount) bytes of shared memory: \(Self.text(code)); free memory or lower --workers"
    case .sharedMemoryFull(let requested, let available):
      "shared memory is full: \(requested) bytes asked, \(available) left; map a larger region"
    case .invalidSize(let size):
      "a shared memory size of \(size) is not possible; it has to be positive and fit the address space"
    case .invalidAddress(let address, let reason):
      "cannot listen on '\(address)': \(reason); write HOST:PORT, [IPV6]:PORT, unix:PATH or fd://N"
    case .listening(let address, let operation, let code):
      "cannot listen on \(address): \(operation): \(Self.text(code))\(Self.listeningMend(code))"
    case .invalidSetting(let name, let value, let reason):
      "\(name) \(value): \(reason)"
    case .unknownAccount(let kind, let name):
      "there is no \(kind) '\(name)' on this system; create it or name another"
    case .notPermitted(let user, let group):
      "workers cannot become --user '\(user)' --group '\(group)'; start the daemon as root, or as that user without these options"
    case .writing(let path, let reason):
      "\(path) cannot be written: \(reason); let the daemon's user write in its folder, or name another file"
    case .alreadyRunning(let pidFile, let processIdentifier):
      "\(pidFile) names process \(processIdentifier), which is alive; stop it or choose another --pid"
    case .systemCall(let call, let code):
      "\(call): \(Self.text(code))"
    case .threadsBeforeFork(let count):
      "the arbiter has \(count) threads and may not fork; load models without Dispatch or threads"
    case .cannotRun(let command, let reason):
      "'\(command)' cannot be run: \(reason); check the folder's rights and the disk"
    }
  }

  /// Writes a file whole or not at all.
  static func write(_ text: String, to path: String) throws(PreforkError) {
    do throws(FileError) {
      try OutputFile.write(text, to: path)
    } catch {
      throw of(error, path)
    }
  }

  /// What is wrong with a file that is to be written.
  static func of(_ error: FileError, _ path: String) -> PreforkError {
    if case .unwritable(_, let reason) = error { return .writing(path: path, reason: reason) }
    return .writing(path: path, reason: "its reader has gone")
  }

  private static func text(_ code: Int32) -> String {
    String(cString: strerror(code))
  }

  private static func listeningMend(_ code: Int32) -> String {
    switch code {
    case EADDRINUSE: "; another process has it: `ss -ltnp` shows which"
    case EACCES: "; ports below 1024 and protected folders need privileges"
    case EADDRNOTAVAIL: "; no interface of this machine has that address"
    default: ""
    }
  }
}
