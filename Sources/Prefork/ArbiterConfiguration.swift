/// How the pool is run; names and defaults are Gunicorn's.
public struct ArbiterConfiguration: Sendable {
  /// Workers kept alive.
  public var workers = 1
  /// Addresses to listen on.
  public var bind = ["127.0.0.1:5000"]
  /// Addresses of the companion's listener.
  public var adminBind = ["127.0.0.1:5001"]
  /// Connections that the kernel keeps waiting.
  public var backlog: Int32 = 2048
  /// Seconds without a heartbeat, or in one computation, after which a worker is killed.
  public var timeout = 30.0
  /// Seconds that a draining worker is given.
  public var gracefulTimeout = 30.0

  /// The defaults.
  public init() {}

  /// - Throws: `PreforkError.invalidSetting` for the first value outside its range.
  public func validate() throws(PreforkError) {
    guard (1...128).contains(workers) else {
      throw .invalidSetting(name: "--workers", value: "\(workers)", reason: "must be from 1 to 128")
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
  }

  /// Slots that the scoreboard needs: two generations at once during a reload, and room for TTIN.
  public var slotCount: Int { 2 * workers + 16 }
}
