import Foundation

/// Commands of the program that end by themselves; daemons are started by `ServeProcess`.
extension BuiltMartlet {
  /// Starts the program. Streams that are not given lead nowhere.
  /// - Parameter environment: is added to the test's own.
  package static func start(
    _ arguments: [String], input: Pipe? = nil, output: Pipe? = nil, error: Pipe? = nil,
    environment: [String: String] = [:]
  ) throws -> Process {
    let process = Process()
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.executableURL = binary
    process.arguments = arguments
    process.standardInput = input ?? FileHandle.nullDevice
    process.standardOutput = output ?? FileHandle.nullDevice
    process.standardError = error ?? FileHandle.nullDevice
    try process.run()
    return process
  }

  /// Runs the program to its end.
  /// - Parameters:
  ///   - input: what it reads from standard input.
  ///   - environment: is added to the test's own.
  /// - Returns: the exit code, and what it wrote to both streams.
  package static func run(
    _ arguments: [String], input: [UInt8]? = nil, environment: [String: String] = [:]
  ) throws -> (code: Int32, text: String) {
    let (stdin, output) = (input.map { _ in Pipe() }, Pipe())
    let process = try start(
      arguments, input: stdin, output: output, error: output, environment: environment)
    if let input, let stdin {
      try stdin.fileHandleForWriting.write(contentsOf: Data(input))
      try stdin.fileHandleForWriting.close()
    }
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: data, as: UTF8.self))
  }
}
