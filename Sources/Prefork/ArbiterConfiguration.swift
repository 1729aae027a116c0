/// How the pool is run; names and defaults are Gunicorn's.
public struct ArbiterConfiguration: Sendable, Equatable {
  /// Workers kept alive.
  public var workers = 1
  /// Addresses to listen on.
  public var bind = ["127.0.0.1:5000"]
  /// Addresses of the admin listener, which the health process answers.
  public var adminBind = ["127.0.0.1:5001"]
  /// Connections that the kernel keeps waiting.
  public var backlog: Int32 = 2048
  /// Whether another daemon may listen on the same TCP addresses (SO_REUSEPORT).
  public var reusePort = false
  /// Seconds without a heartbeat, or in one computation, after which a worker is killed.
  public var timeout = 30.0
  /// Seconds that a draining worker is given.
  public var gracefulTimeout = 30.0
  /// Seconds from SIGTERM to the end during which the pool serves but says that it is not ready.
  public var drainDelay = 0.0
  /// Requests after which a worker is replaced; 0 for never.
  public var maxRequests = 0
  /// The most that is added to `maxRequests`, at random for each worker, so that they do not go together.
  public var maxRequestsJitter = 0
  /// Whether what is served is loaded once, before the forks, so that workers share its memory.
  public var preload = true
  /// The file that names the arbiter's process.
  public var pidFile: String?
  /// The user that workers run as: a name or a number.
  public var user: String?
  /// The group that workers run as: a name or a number; the user's own if nil.
  public var group: String?
  /// The permission bits taken from files and sockets that the daemon makes; nil for the caller's.
  public var umask: UInt32?

  /// The defaults.
  public init() {}

  /// - Throws: `PreforkError.invalidSetting` for the first value outside its range.
  public func validate() throws(PreforkError) {
    guard (1...128).contains(workers) else {
      throw .invalidSetting(name: "--workers", value: "\(workers)", reason: "must be from 1 to 128")
    }
    guard !bind.isEmpty else {
      throw .invalidSetting(name: "--bind", value: "", reason: "must name an address")
    }
    guard backlog > 0 else {
      throw .invalidSetting(name: "--backlog", value: "\(backlog)", reason: "must be above 0")
    }
    guard timeout > 0 && timeout < 1e6 else {
      throw .invalidSetting(
        name: "--timeout", value: "\(timeout)", reason: "must be above 0 and below 1000000 seconds")
    }
    guard gracefulTimeout >= 0 && gracefulTimeout < 1e6 else {
      throw .invalidSetting(
        name: "--graceful-timeout", value: "\(gracefulTimeout)",
        reason: "must be from 0 to 1000000 seconds")
    }
    guard drainDelay >= 0 && drainDelay < 1e6 else {
      throw .invalidSetting(
        name: "--drain-delay", value: "\(drainDelay)", reason: "must be from 0 to 1000000 seconds")
    }
    for (name, value) in [
      ("--max-requests", maxRequests), ("--max-requests-jitter", maxRequestsJitter),
    ] where !(0...1 << 40).contains(value) {
      throw .invalidSetting(name: name, value: "\(value)", reason: "must be 0 or above")
    }
    if let umask, umask > 0o777 {
      throw .invalidSetting(
        name: "--umask", value: String(umask, radix: 8), reason: "must be from 0 to 0777, in octal")
    }
  }

  /// Tries what an arbiter would find out at its start: users, addresses, the pid file. Nothing is left open. An address that
  /// is in use passes, since it may be the running daemon's.
  /// - Throws: `PreforkError`.
  public func check() throws(PreforkError) {
    try validate()
    _ = try Account.find(user: user, group: group)
    for name in bind + adminBind { try ListeningSocket.check(name, reusePort: reusePort) }
    if let pidFile { try PidFile.check(pidFile) }
  }

  /// Slots that the scoreboard needs: the old and the new worker of each place while they are replaced, and room for TTIN.
  public var slotCount: Int { 2 * workers + 16 }
}
