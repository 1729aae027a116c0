import Foundation

/// Runs one training run of a search in a process of its own.
public protocol TrialExecutor: Sendable {
  /// Runs `martlet` with `arguments`, its output to the file `log`, waits, and gives its exit code.
  func run(arguments: [String], log: String) throws -> Int32
}

/// Starts the process here, or by a command of the user's that starts it elsewhere and waits.
public struct ProcessExecutor: TrialExecutor {
  /// Words put before the program, such as `srun -c 2`; `{}` stands for the program and its arguments
  /// where it is not the last word.
  public let template: [String]

  /// - Parameter template: the words, parted by spaces; nil to start the program itself.
  public init(template: String?) {
    self.template = template?.split(separator: " ").map(String.init) ?? []
  }

  /// Starts the process and waits for its end.
  ///
  /// - Throws: what `Process.run` throws when the program cannot be started.
  public func run(arguments: [String], log: String) throws -> Int32 {
    let program = [Self.binary] + arguments
    var words = template
    if let place = words.firstIndex(of: "{}") {
      words.replaceSubrange(place...place, with: program)
    } else {
      words += program
    }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: words[0].contains("/") ? words[0] : "/usr/bin/env")
    process.arguments = words[0].contains("/") ? Array(words.dropFirst()) : words
    process.standardInput = FileHandle.nullDevice
    _ = FileManager.default.createFile(atPath: log, contents: nil)
    let file = FileHandle(forWritingAtPath: log) ?? FileHandle.nullDevice
    process.standardOutput = file
    process.standardError = file
    try process.run()
    process.waitUntilExit()
    return process.terminationStatus
  }

  /// This program, wherever it was started from.
  static var binary: String {
    (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
      ?? CommandLine.arguments[0]
  }
}
