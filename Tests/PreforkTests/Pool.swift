import Foundation
import Synchronization

/// A running `pool-probe`, whose workers do what the test writes into its folder.
final class Pool: Sendable {
  let folder: String
  private let process: Mutex<Process>
  private let pipe = Pipe()
  private let heard = Mutex(Heard())
  let processIdentifier: Int32

  /// What came through the pipe: whole lines, and the beginning of the next.
  private struct Heard {
    var lines: [String] = []
    var rest: [UInt8] = []
  }

  /// The tests are built beside the probe.
  private static let binary = URL(fileURLWithPath: CommandLine.arguments[0])
    .deletingLastPathComponent().appendingPathComponent("pool-probe")
  static var isThere: Bool { FileManager.default.isExecutableFile(atPath: binary.path) }

  /// - Parameters:
  ///   - settings: see `Tests/PoolProbe`.
  ///   - launcher: a program, and its arguments, that runs the probe.
  init(
    _ settings: [String: String] = [:], environment: [String: String] = [:],
    launcher: [String] = []
  ) throws {
    folder = NSTemporaryDirectory() + "pool-\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try Self.write(settings, folder)
    let process = Process()
    let words = launcher + [Self.binary.path, folder]
    process.executableURL = URL(fileURLWithPath: words[0])
    process.arguments = Array(words.dropFirst())
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.standardOutput = pipe
    process.standardError = pipe
    process.standardInput = FileHandle.nullDevice
    try process.run()
    processIdentifier = process.processIdentifier
    self.process = Mutex(process)
    let descriptor = pipe.fileHandleForReading.fileDescriptor
    _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
  }

  deinit {
    for arbiter in arbiters { kill(arbiter, SIGKILL) }
    kill(processIdentifier, SIGKILL)
    try? FileManager.default.removeItem(atPath: folder)
  }

  private static func write(_ settings: [String: String], _ folder: String) throws {
    let text = settings.map { "\($0)=\($1)\n" }.joined()
    try text.write(toFile: "\(folder)/settings", atomically: true, encoding: .utf8)
  }

  /// What the next load of the settings finds.
  func set(_ settings: [String: String]) throws { try Self.write(settings, folder) }

  func signal(_ number: Int32, to process: Int32? = nil) {
    kill(process ?? processIdentifier, number)
  }

  /// Everything that arbiters and workers have said until now. Read here and by no other thread, so that nothing that a
  /// process said before it ended is missing.
  var output: [String] {
    heard.withLock { heard in
      var bytes = [UInt8](repeating: 0, count: 65536)
      while case let count = read(pipe.fileHandleForReading.fileDescriptor, &bytes, bytes.count),
        count > 0
      {
        heard.rest += bytes[..<count]
      }
      while let end = heard.rest.firstIndex(of: 10) {
        heard.lines.append(String(decoding: heard.rest[..<end], as: UTF8.self))
        heard.rest.removeSubrange(...end)
      }
      return heard.lines
    }
  }
  func said(_ text: String) -> Int { output.count { $0.contains(text) } }

  private var ready: [[Substring]] {
    output.filter { $0.hasPrefix("ready ") }.map { $0.split(separator: " ") }
  }

  /// The arbiters that came to serve, oldest first.
  var arbiters: [Int32] { ready.compactMap { $0.count > 1 ? Int32($0[1]) : nil } }

  /// Where the first listener of the pool is reached.
  var address: String {
    ready.last.flatMap { $0.last?.split(separator: ",").first }.map(String.init) ?? ""
  }

  /// Waits until something holds, at most a minute.
  func wait(_ condition: () -> Bool) -> Bool {
    let end = ContinuousClock.now + .seconds(60)
    repeat {
      if condition() { return true }
      usleep(10000)
    } while ContinuousClock.now < end
    return condition()
  }

  func waitUntilReady() -> Bool { wait { !ready.isEmpty } }

  /// What a worker answered: `worker PID GENERATION UID`; nil if nobody did.
  func ask(_ other: String? = nil) -> [String]? {
    connectAndRead(other ?? address)?.split(whereSeparator: \.isWhitespace).map(String.init)
  }

  /// Workers that are children of an arbiter.
  func workers(of arbiter: Int32? = nil) -> Set<Int32> {
    let arbiter = arbiter ?? processIdentifier
    let path = "/proc/\(arbiter)/task/\(arbiter)/children"
    let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
    return Set(
      text.split(separator: " ").compactMap { Int32($0) }.filter {
        let name = (try? String(contentsOfFile: "/proc/\($0)/comm", encoding: .utf8)) ?? ""
        return name.hasPrefix("martlet-w")
      })
  }

  /// Whether a process is no more, or waits only for its new parent to take note of its end.
  static func hasEnded(_ process: Int32) -> Bool {
    let text = (try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)) ?? ""
    return kill(process, 0) != 0 || text.split(separator: ")").last?.hasPrefix(" Z") ?? true
  }

  /// The exit code, once the process has ended; nil if it does not within a minute.
  ///
  /// Asked of the kernel too: Foundation takes a process for alive while a child that it started (the new binary of
  /// SIGUSR2) holds what it inherited.
  func exitCode() -> Int32? {
    var information = siginfo_t()
    var code: Int32?
    _ = wait {
      let found = waitid(
        P_PID, id_t(processIdentifier), &information, WEXITED | WNOHANG | WNOWAIT)
      if found == 0 && information.si_signo == SIGCHLD {
        code = information._sifields._sigchld.si_status
      } else {
        code = process.withLock { $0.isRunning ? nil : $0.terminationStatus }
      }
      return code != nil
    }
    return code
  }
}

/// One connection to `HOST:PORT` or `unix:PATH`, read to its end; nil if it was refused or empty.
func connectAndRead(_ address: String) -> String? {
  let isUnix = address.hasPrefix("unix:")
  let descriptor = socket(isUnix ? AF_UNIX : AF_INET, Int32(SOCK_STREAM.rawValue), 0)
  defer { close(descriptor) }
  var patience = timeval(tv_sec: 60, tv_usec: 0)
  setsockopt(
    descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
  guard connectSocket(descriptor, address) else { return nil }
  var text = ""
  var bytes = [UInt8](repeating: 0, count: 256)
  while true {
    let count = recv(descriptor, &bytes, bytes.count, 0)
    if count <= 0 { return text.isEmpty ? nil : text }
    text += String(decoding: bytes[..<count], as: UTF8.self)
  }
}

private func connectSocket(_ descriptor: Int32, _ address: String) -> Bool {
  if address.hasPrefix("unix:") {
    var name = unixAddress(String(address.dropFirst(5)))
    return withUnsafePointer(to: &name) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
      }
    }
  }
  var name = sockaddr_in()
  name.sin_family = sa_family_t(AF_INET)
  name.sin_port = (UInt16(address.split(separator: ":").last ?? "") ?? 0).bigEndian
  name.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
  return withUnsafePointer(to: &name) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
    }
  }
}

/// The address of a path.
func unixAddress(_ path: String) -> sockaddr_un {
  var name = sockaddr_un()
  name.sun_family = sa_family_t(AF_UNIX)
  withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
  return name
}

/// A socket that takes what a service says to its service manager.
final class NotifySocket: Sendable {
  let path: String
  private let descriptor: Int32
  private let heard = Mutex<[String]>([])

  init() {
    path = NSTemporaryDirectory() + "notify-\(UUID().uuidString.prefix(8))"
    descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
    var name = unixAddress(path)
    let code = withUnsafePointer(to: &name) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    precondition(code == 0, "no socket at \(path)")
    // The kernel keeps ten messages (net.unix.max_dgram_qlen), and the service drops what does not fit.
    Thread.detachNewThread { [weak self, descriptor] in
      var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      while true {
        _ = poll(&waiting, 1, 200)
        guard let self else { return }
        self.listen()
      }
    }
  }

  deinit {
    close(descriptor)
    unlink(path)
  }

  private func listen() {
    heard.withLock { heard in
      var bytes = [UInt8](repeating: 0, count: 4096)
      while case let count = recv(descriptor, &bytes, bytes.count, Int32(MSG_DONTWAIT)), count > 0 {
        heard.append(String(decoding: bytes[..<count], as: UTF8.self))
      }
    }
  }

  /// What has been said since the last call.
  func messages() -> [String] {
    listen()
    return heard.withLock { heard in
      defer { heard = [] }
      return heard
    }
  }
}
