import Foundation

/// Looks at a running installation, whether deploy/install.sh, the Debian package or an operator by hand has made it, and says how to mend
/// what it finds.
public struct Examination: Sendable {
  /// The machine to look at.
  public var machine: Machine
  /// The port of the public listener.
  public var port: UInt16
  /// The port of the admin listener; nil where there is none.
  public var adminPort: UInt16?
  /// Days before a certificate's end from which its renewal is taken to have failed. certbot renews at 30.
  public var certificateDays = 21

  /// Makes an examination of a machine.
  public init(machine: Machine, port: UInt16 = 5000, adminPort: UInt16? = 5001) {
    self.machine = machine
    self.port = port
    self.adminPort = adminPort
  }

  /// Makes every check, in the order in which one would mend what they find.
  public func findings() -> [Finding] {
    [unit()] + sockets() + reload() + nginx() + [model(), clock()] + limits() + disk()
  }

  /// The gravest of what was found: 0 sound, 1 warning, 2 failure, as monitoring plugins exit.
  public static func exitCode(_ findings: [Finding]) -> Int32 {
    let gravest = findings.map(\.gravity).max() ?? .sound
    return gravest == .unknown ? 0 : Int32(gravest.rawValue)
  }

  func unit() -> Finding {
    guard machine.hasSystemd else {
      return Finding("unit", .unknown, "systemd does not run here")
    }
    guard
      let shown = machine.run([
        "systemctl", "show", "martlet.service",
        "--property=LoadState,ActiveState,UnitFileState,NRestarts",
      ])
    else { return Finding("unit", .unknown, "no systemctl here") }
    var values: [String: String] = [:]
    for line in shown.output.split(whereSeparator: \.isNewline) {
      let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      if parts.count == 2 { values[String(parts[0])] = String(parts[1]) }
    }
    guard values["LoadState"] == "loaded" else {
      return Finding(
        "unit", .failure, "martlet.service is not installed", mend: "sudo deploy/install.sh")
    }
    guard values["ActiveState"] == "active" else {
      return Finding(
        "unit", .failure, "martlet.service is \(values["ActiveState"] ?? "in no state")",
        mend: "journalctl -u martlet -n 50, then sudo systemctl restart martlet")
    }
    if let restarts = Int(values["NRestarts"] ?? ""), restarts > 0 {
      return Finding(
        "unit", .warning,
        "martlet.service is active, and was restarted \(restarts) times after failures",
        mend: "journalctl -u martlet -p warning says why")
    }
    let enabled = ["enabled", "enabled-runtime", "indirect"].contains(values["UnitFileState"] ?? "")
    return enabled
      ? Finding("unit", .sound, "martlet.service is active and enabled")
      : Finding(
        "unit", .warning, "martlet.service is active, but a reboot would not start it",
        mend: "sudo systemctl enable martlet")
  }

  func sockets() -> [Finding] {
    var found: [Finding] = []
    switch machine.ask(port, "/readyz", "localhost")?.status {
    case 200: found.append(Finding("listener", .sound, "127.0.0.1:\(port) is ready"))
    case nil:
      found.append(
        Finding(
          "listener", .failure, "nothing answers on 127.0.0.1:\(port)",
          mend:
            "sudo systemctl restart martlet; is the port another program's? ss -ltnp sport = \(port)"
        ))
    case let status?:
      found.append(
        Finding(
          "listener", .failure, "127.0.0.1:\(port)/readyz answers \(status)",
          mend: "it is draining or still loading; if that lasts: journalctl -u martlet -n 50"))
    }
    guard let adminPort else { return found }
    switch machine.ask(adminPort, "/metrics", "localhost")?.status {
    case 200: found.append(Finding("admin", .sound, "127.0.0.1:\(adminPort)/metrics answers"))
    case 401: found.append(Finding("admin", .sound, "127.0.0.1:\(adminPort) asks for its token"))
    case let status:
      found.append(
        Finding(
          "admin", .warning,
          "127.0.0.1:\(adminPort)/metrics \(status.map { "answers \($0)" } ?? "does not answer")",
          mend: "give --admin-port the port of --admin-bind, or see journalctl -u martlet"))
    }
    return found
  }
}
