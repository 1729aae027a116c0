import Foundation
import Synchronization
import TestDaemon

/// A running `pool-probe`, whose workers do what the test writes into its folder.
final class Pool: Sendable {
  let folder: String
  private let process: ServeProcess
  var processIdentifier: Int32 { process.processIdentifier }

  private static let probe = BuiltMartlet.product("pool-probe")
  static var isThere: Bool { FileManager.default.isExecutableFile(atPath: probe.path) }

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
    let words = launcher + [Self.probe.path, folder, "{ready}"]
    process = try ServeProcess(
      launching: URL(fileURLWithPath: words[0]), Array(words.dropFirst()), environment: environment)
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  private static func write(_ settings: [String: String], _ folder: String) throws {
    let text = settings.map { "\($0)=\($1)\n" }.joined()
    try text.write(toFile: "\(folder)/settings", atomically: true, encoding: .utf8)
  }

  /// What the next load of the settings finds.
  func set(_ settings: [String: String]) throws { try Self.write(settings, folder) }

  func signal(_ number: Int32, to other: Int32? = nil) { process.signal(number, to: other) }

  /// Everything that arbiters and workers have said until now, by lines.
  var output: [Substring] { process.output.split(separator: "\n") }
  func said(_ text: String) -> Int { output.count { $0.contains(text) } }

  var ready: ServeProcess.Ready? { process.ready }

  /// Where the first listener of the pool is reached.
  var address: String {
    guard let first = ready?["addresses"]?[0] else { return "" }
    if let path = first["path"]?.stringValue { return "unix:\(path)" }
    return String(first["url"]?.stringValue?.dropFirst("http://".count) ?? "")
  }

  func wait(_ condition: () -> Bool) -> Bool { BuiltMartlet.wait(condition) }
  func waitUntilReady() -> Bool { process.waitUntilReady() }

  /// What a worker answered: `worker PID GENERATION UID`; nil if nobody did.
  func ask(_ other: String? = nil) -> [String]? {
    guard case .answered(let text) = connectAndRead(other ?? address) else { return nil }
    return text.split(whereSeparator: \.isWhitespace).map(String.init)
  }

  /// Workers that are children of an arbiter.
  func workers(of arbiter: Int32? = nil) -> Set<Int32> { process.workers(of: arbiter) }

  /// The exit code, once the process has ended; nil if it does not within a minute.
  func exitCode() -> Int32? { process.exitCode() }
}

/// What became of a connection.
enum Connected {
  /// It was not made.
  case refused
  /// It ended before a byte came.
  case cut
  case answered(String)
}

/// One connection to `HOST:PORT` or `unix:PATH`, read to its end.
func connectAndRead(_ address: String) -> Connected {
  let isUnix = address.hasPrefix("unix:")
  let descriptor = socket(isUnix ? AF_UNIX : AF_INET, Int32(SOCK_STREAM.rawValue), 0)
  defer { close(descriptor) }
  var patience = timeval(tv_sec: 60, tv_usec: 0)
  setsockopt(
    descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
  guard connectSocket(descriptor, address) else { return .refused }
  var text = ""
  var bytes = [UInt8](repeating: 0, count: 256)
  while true {
    let count = recv(descriptor, &bytes, bytes.count, 0)
    if count <= 0 { return text.isEmpty ? .cut : .answered(text) }
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
