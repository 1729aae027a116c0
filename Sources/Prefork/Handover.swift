import CSystem
import Glibc

/// What an arbiter leaves to the binary that takes over (SIGUSR2), in one environment variable.
///
/// The descriptors stay open over `execv` under their numbers. `MARTLET_HANDOVER` has a line for the process that hands
/// over and the pipe to write to once the new workers serve, and a line for each socket:
///
///     1234 9
///     4 public bound 127.0.0.1:5000
///     5 admin given unix:/run/martlet-admin.sock
struct Handover: Equatable {
  static let variable = "MARTLET_HANDOVER"

  /// The arbiter that hands over. While it is this process's parent, both serve.
  let from: Int32
  /// Written to, and closed, once the new workers serve.
  let readiness: Int32
  let sockets: [InheritedSocket]

  /// The variable's value.
  var text: String {
    var lines = ["\(from) \(readiness)"]
    for socket in sockets {
      let role = socket.isAdmin ? "admin" : "public"
      let origin = socket.isGiven ? "given" : "bound"
      lines.append("\(socket.descriptor) \(role) \(origin) \(socket.name ?? "")")
    }
    return lines.joined(separator: "\n")
  }

  init(from: Int32, readiness: Int32, sockets: [InheritedSocket]) {
    (self.from, self.readiness, self.sockets) = (from, readiness, sockets)
  }

  /// Reads the variable's value; nil for one that is malformed or was meant for another process.
  init?(_ text: String, parent: Int32) {
    // Over bytes: a name may begin with a combining mark.
    let lines = text.utf8.split(separator: UInt8(ascii: "\n"))
    let head =
      lines.first?.split(separator: UInt8(ascii: " ")).compactMap { Int32(Substring($0)) } ?? []
    guard head.count == 2, head[0] == parent, head[1] > 2 else { return nil }
    var sockets: [InheritedSocket] = []
    for line in lines.dropFirst() {
      let parts = line.split(separator: UInt8(ascii: " "), maxSplits: 3).map(Substring.init)
      guard parts.count == 4, let descriptor = Int32(parts[0]), descriptor > 2,
        ["public", "admin"].contains(parts[1]), ["bound", "given"].contains(parts[2])
      else { return nil }
      sockets.append(
        InheritedSocket(
          descriptor: descriptor, name: String(parts[3]), isAdmin: parts[1] == "admin",
          isGiven: parts[2] == "given"))
    }
    self.init(from: head[0], readiness: head[1], sockets: sockets)
  }

  /// Takes the variable out of the environment, so that no other process reads it.
  static func take(from environment: [String: String]) -> Handover? {
    unsetenv(variable)
    return environment[variable].flatMap { Handover($0, parent: getppid()) }
  }

  /// Tells the old arbiter that the new workers serve.
  func announceReady() {
    var byte: UInt8 = 1
    _ = write(readiness, &byte, 1)
    close(readiness)
  }
}

/// The program to run at SIGUSR2: whatever then stands where this one was started from.
struct Executable {
  private let path: String
  private let arguments: [String]

  /// Found at the start, when the working directory and the file are still those that the user meant. A symbolic link
  /// stays one, so that a link that is set anew leads to the new binary.
  init() {
    arguments = CommandLine.arguments
    let name = arguments.first ?? ""
    if name.hasPrefix("/") {
      path = name
    } else if name.contains("/"), let folder = getcwd(nil, 0) {
      path = String(cString: folder) + "/" + name
      free(folder)
    } else {
      path = Self.inSearchPath(name) ?? Self.running
    }
  }

  private static func inSearchPath(_ name: String) -> String? {
    let folders = getenv("PATH").map { String(cString: $0) } ?? ""
    return folders.split(separator: ":").map { "\($0)/\(name)" }.first {
      $0.hasPrefix("/") && access($0, X_OK) == 0
    }
  }

  /// What this process runs, as the kernel has it.
  private static var running: String {
    var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = buffer.withUnsafeMutableBytes { bytes in
      bytes.withMemoryRebound(to: CChar.self) { room in
        room.baseAddress.map { readlink("/proc/self/exe", $0, room.count) } ?? 0
      }
    }
    return String(decoding: buffer[..<max(0, count)], as: UTF8.self)
  }

  /// Becomes that program, with the same arguments. The calling process has one thread and is a fork of the arbiter's.
  /// - Returns: only if it failed.
  func become(with handover: Handover) {
    for socket in handover.sockets { _ = fcntl(socket.descriptor, F_SETFD, 0) }
    _ = fcntl(handover.readiness, F_SETFD, 0)
    setenv(Handover.variable, handover.text, 1)
    // The watchdog of sd_watchdog_enabled(3) is for the process that it names.
    if getenv("WATCHDOG_PID") != nil { setenv("WATCHDOG_PID", "\(getpid())", 1) }
    martlet_reset_signals()
    var vector = arguments.map { strdup($0) }
    vector.append(nil)
    execv(path, vector)
  }
}
