import CSystem
import Glibc

/// Tells systemd how the service is doing (sd_notify(3)): datagrams to the socket that `NOTIFY_SOCKET` names.
///
/// Ours and not libsystemd's, because it is one `sendto`. Never blocks; what cannot be sent is dropped, as the protocol
/// intends. Without a service manager all of it does nothing.
struct ServiceManager {
  private let descriptor: Int32
  private let address: sockaddr_un
  private let addressLength: socklen_t
  /// Nanoseconds between two signs of life that systemd waits for at most; nil if it does not watch.
  let watchdogInterval: UInt64?
  private var lastStatus = ""
  private var lastBeat: UInt64 = 0

  /// Reads `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`.
  init(_ environment: [String: String], process: Int32) {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    var path = Array((environment["NOTIFY_SOCKET"] ?? "").utf8)
    let room = MemoryLayout.size(ofValue: address.sun_path)
    guard path.count > 1, path.count < room, path[0] == 0x2F || path[0] == 0x40 else {
      (descriptor, addressLength, watchdogInterval) = (-1, 0, nil)
      self.address = address
      return
    }
    // A leading @ stands for the zero byte of an abstract address.
    if path[0] == 0x40 { path[0] = 0 }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
    let isAbstract = path[0] == 0
    let offset = MemoryLayout<sockaddr_un>.size - room
    addressLength = socklen_t(offset + path.count + (isAbstract ? 0 : 1))
    self.address = address
    descriptor = socket(
      AF_UNIX,
      Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        | Int32(SOCK_NONBLOCK.rawValue), 0)
    let isWatched = environment["WATCHDOG_PID"].map { Int32($0) == process } ?? true
    let interval = environment["WATCHDOG_USEC"].flatMap { UInt64($0) } ?? 0
    watchdogInterval =
      isWatched && (1...UInt64(1) << 40).contains(interval) ? interval * 1000 : nil
  }

  /// All workers serve, for the first time or again after a reload.
  func ready() { send("READY=1") }

  /// A reload has begun; `ready` ends it.
  func reloading() {
    send("RELOADING=1\nMONOTONIC_USEC=\(martlet_monotonic_nanoseconds() / 1000)")
  }

  /// The service ends.
  func stopping() { send("STOPPING=1") }

  /// Another process is the service's main one from now on.
  func mainProcess(_ process: Int32) { send("MAINPID=\(process)") }

  /// One line for `systemctl status`; sent only when it has changed.
  mutating func status(_ text: String) {
    guard descriptor >= 0, text != lastStatus else { return }
    lastStatus = text
    send("STATUS=\(text)")
  }

  /// A sign of life, twice as often as systemd wants one.
  mutating func beat(at now: UInt64) {
    guard let watchdogInterval, now - lastBeat >= watchdogInterval / 2 else { return }
    lastBeat = now
    send("WATCHDOG=1")
  }

  private func send(_ text: String) {
    guard descriptor >= 0 else { return }
    let bytes = Array(text.utf8)
    var address = address
    _ = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        sendto(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL), $0, addressLength)
      }
    }
  }
}
