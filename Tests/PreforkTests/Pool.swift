import Foundation
import Synchronization

/// A running `pool-probe`, whose workers do what the test writes into its folder.
final class Pool: Sendable {
  let folder: String
  private let process: Mutex<Process>
  private let lines = Mutex<[String]>([])
  let processIdentifier: Int32

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
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    process.standardInput = FileHandle.nullDevice
    try process.run()
    processIdentifier = process.processIdentifier
    self.process = Mutex(process)
    Thread.detachNewThread { [weak self] in
      var text = ""
      while true {
        let data = output.fileHandleForReading.availableData
        if data.isEmpty { return }
        text += String(decoding: data, as: UTF8.self)
        while let end = text.firstIndex(of: "\n") {
          let line = String(text[..<end])
          self?.lines.withLock { $0.append(line) }
          text = String(text[text.index(after: end)...])
        }
      }
    }
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

  /// Everything that arbiters and workers have said.
  var output: [String] { lines.withLock { $0 } }
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

  /// Waits until something holds, at most ten seconds.
  func wait(_ condition: () -> Bool) -> Bool {
    for _ in 0..<1000 {
      if condition() { return true }
      usleep(10000)
    }
    return false
  }

  func waitUntilReady() -> Bool { wait { !ready.isEmpty } }

  /// What a worker answered: `worker PID GENERATION UID`; nil if nobody did.
  func ask(_ other: String? = nil) -> [String]? {
    connectAndRead(other ?? address)?.split(whereSeparator: \.isWhitespace).map(String.init)
  }

  /// The workers that answer a number of connections.
  func answering(_ count: Int = 40) -> Set<String> {
    Set((0..<count).compactMap { _ in ask()?[1] })
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

  /// The exit code, once the process has ended; nil if it does not within ten seconds.
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
    // What it said last is read by another thread.
    usleep(100_000)
    return code
  }
}

/// One connection to `HOST:PORT` or `unix:PATH`, read to its end; nil if it was refused or empty.
func connectAndRead(_ address: String) -> String? {
  let isUnix = address.hasPrefix("unix:")
  let descriptor = socket(isUnix ? AF_UNIX : AF_INET, Int32(SOCK_STREAM.rawValue), 0)
  defer { close(descriptor) }
  var patience = timeval(tv_sec: 10, tv_usec: 0)
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
  }

  deinit {
    close(descriptor)
    unlink(path)
  }

  /// What has been said since the last call.
  func messages() -> [String] {
    var messages: [String] = []
    var bytes = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = recv(descriptor, &bytes, bytes.count, Int32(MSG_DONTWAIT))
      if count <= 0 { return messages }
      messages.append(String(decoding: bytes[..<count], as: UTF8.self))
    }
  }
}
