import Foundation

/// The machine that is examined: its files, programs and listeners. Tests put a made-up one in its place.
public struct Machine: Sendable {
  /// What a program said and how it ended.
  public struct Outcome: Sendable {
    /// The exit status.
    public var status: Int32
    /// Standard output and error together, trimmed.
    public var output: String

    /// Makes an outcome.
    public init(status: Int32, output: String) {
      self.status = status
      self.output = output
    }
  }

  /// What an HTTP server answered.
  public struct Answer: Sendable {
    /// The status.
    public var status: Int
    /// The body, or its first megabyte.
    public var body: [UInt8]

    /// Makes an answer.
    public init(status: Int, body: [UInt8] = []) {
      self.status = status
      self.body = body
    }
  }

  /// A folder that stands for `/`.
  public var root: String
  /// Runs a program with arguments and gives what it printed; nil where there is no such program.
  public var run: @Sendable (_ command: [String]) -> Outcome?
  /// The answer to `GET path` for a host at a loopback port; nil where nothing answers.
  public var ask: @Sendable (_ port: UInt16, _ path: String, _ host: String) -> Answer?
  /// Bytes that are free and bytes in all of the file system of a path.
  public var space: @Sendable (_ path: String) -> (free: Int, total: Int)?
  /// The time now.
  public var now: Date

  /// Makes a machine out of its parts.
  public init(
    root: String, now: Date,
    run: @escaping @Sendable ([String]) -> Outcome?,
    ask: @escaping @Sendable (UInt16, String, String) -> Answer?,
    space: @escaping @Sendable (String) -> (free: Int, total: Int)?
  ) {
    self.root = root
    self.now = now
    self.run = run
    self.ask = ask
    self.space = space
  }

  /// The text of a file, or nil where it cannot be read.
  public func text(_ path: String) -> String? {
    try? String(contentsOfFile: root + path, encoding: .utf8)
  }

  /// Whether a file, folder or link leads somewhere.
  public func exists(_ path: String) -> Bool {
    FileManager.default.fileExists(atPath: root + path)
  }

  /// Whether systemd runs here, as sd_booted(3) asks.
  public var hasSystemd: Bool { exists("/run/systemd/system") }
}
