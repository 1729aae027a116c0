import Foundation
import Synchronization

/// Runs one training run of a search in a process of its own.
public protocol TrialExecutor: Sendable {
  /// Runs `martlet` with `arguments`, its output to the file `log`, waits, and gives its exit code.
  func run(arguments: [String], log: String) throws -> Int32
}

/// That a search ends, so that the outcome of a run that ends with it says nothing.
public struct SearchInterruption: Error {
  /// The interruption.
  public init() {}
}

/// Starts the process here, or by a command of the user's that starts it elsewhere and waits.
///
/// Standard input of all runs is a pipe that nothing is written to and that this process alone holds open: `martlet train
/// --bound-to-input` ends when it closes. So runs end with the search whatever ends it, SIGKILL too, and those that were
/// started through a shell, `ssh` or `srun` as well, which hand on the end of their own input.
public final class ProcessExecutor: TrialExecutor {
  private struct State: Sendable {
    var running: Set<Int32> = []
    var isOver = false
  }

  /// Words put before the program, such as `srun -c 2`; `{}` stands for the program and its arguments
  /// where it is not the last word.
  public let template: [String]
  private let lifeline: (input: Int32, hold: Int32)
  private let state = Mutex(State())

  /// - Parameter template: the words, parted by spaces; nil to start the program itself.
  public init(template: String?) {
    self.template = template?.split(separator: " ").map(String.init) ?? []
    var ends: [Int32] = [-1, -1]
    _ = pipe(&ends)
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    lifeline = (ends[0], ends[1])
  }

  deinit {
    close(lifeline.input)
    state.withLock { if !$0.isOver { close(lifeline.hold) } }
  }

  /// Starts the process and waits for its end.
  ///
  /// - Throws: `SearchInterruption` behind `end()`, or what `Process.run` throws when the program cannot be started.
  public func run(arguments: [String], log: String) throws -> Int32 {
    let program = [Self.binary] + arguments + ["--bound-to-input"]
    var words = template
    if let place = words.firstIndex(of: "{}") {
      words.replaceSubrange(place...place, with: program)
    } else {
      words += program
    }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: words[0].contains("/") ? words[0] : "/usr/bin/env")
    process.arguments = words[0].contains("/") ? Array(words.dropFirst()) : words
    process.standardInput = FileHandle(fileDescriptor: lifeline.input, closeOnDealloc: false)
    _ = FileManager.default.createFile(atPath: log, contents: nil)
    let file = FileHandle(forWritingAtPath: log) ?? FileHandle.nullDevice
    process.standardOutput = file
    process.standardError = file
    try state.withLock { state in
      if state.isOver { throw SearchInterruption() }
      try process.run()
      state.running.insert(process.processIdentifier)
    }
    process.waitUntilExit()
    let isOver = state.withLock { state in
      state.running.remove(process.processIdentifier)
      return state.isOver
    }
    if isOver { throw SearchInterruption() }
    return process.terminationStatus
  }

  /// Ends all runs and waits for them, at most five seconds.
  public func end() {
    state.withLock { state in
      guard !state.isOver else { return }
      state.isOver = true
      close(lifeline.hold)
    }
    for _ in 0..<100 {
      if state.withLock(\.running.isEmpty) { return }
      usleep(50_000)
    }
    state.withLock { for process in $0.running { kill(process, SIGKILL) } }
  }

  /// This program, wherever it was started from.
  static var binary: String {
    (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
      ?? CommandLine.arguments[0]
  }
}
