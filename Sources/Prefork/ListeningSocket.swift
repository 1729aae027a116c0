import CSystem
import Glibc

/// A socket that the arbiter listens on; workers inherit its descriptor.
public struct ListeningSocket: Sendable {
  /// The descriptor: non-blocking, closed on exec.
  public let descriptor: Int32
  /// The address as the settings name it; for a socket that the service manager gave, where it listens.
  public let name: String
  /// Where it listens: `HOST:PORT` with the port that the kernel chose, `unix:PATH`.
  public let address: String
  /// Where a client of this machine reaches it, such as `127.0.0.1:5000`.
  public let localAddress: String
  /// Whether the service manager opened it, so that it is not ours to open anew or to unlink.
  public let isGiven: Bool

  /// Listens on `HOST:PORT`, `[IPV6]:PORT`, `unix:PATH` or `fd://N`; port 0 lets the kernel choose.
  ///
  /// - Parameter reusePort: whether other processes may listen on the same TCP address.
  /// - Throws: `PreforkError.invalidAddress` or `.listening`.
  public init(_ name: String, backlog: Int32, reusePort: Bool = false) throws(PreforkError) {
    if name.hasPrefix("fd://") {
      guard let number = Int32(name.dropFirst(5)), number > 2 else {
        throw .invalidAddress(name, reason: "a descriptor is a number above 2")
      }
      try self.init(inherited: number, name: name, isGiven: false)
    } else if name.hasPrefix("unix:") {
      let descriptor = try Self.listenUnix(name, backlog: backlog)
      try self.init(inherited: descriptor, name: name, isGiven: false)
    } else {
      let (host, port) = try Self.split(name)
      let descriptor = try Self.listenTCP(
        name, host: host, port: port, backlog: backlog, reusePort: reusePort)
      try self.init(inherited: descriptor, name: name, isGiven: false)
    }
  }

  /// Takes over a socket that listens already.
  ///
  /// - Parameter name: what the settings call it; nil to call it by its address.
  /// - Throws: `PreforkError.invalidAddress` if it does not listen.
  init(inherited descriptor: Int32, name: String?, isGiven: Bool) throws(PreforkError) {
    var listens: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    let code = getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size)
    guard code == 0, listens != 0 else {
      throw .invalidAddress(
        name ?? "descriptor \(descriptor)",
        reason: "there is no listening socket of that number")
    }
    self.descriptor = descriptor
    self.isGiven = isGiven
    address = Self.ownAddress(descriptor) ?? name ?? "descriptor \(descriptor)"
    self.name = name ?? address
    localAddress = Self.reachable(address)
    let flags = fcntl(descriptor, F_GETFL)
    _ = fcntl(descriptor, F_SETFL, flags | O_NONBLOCK)
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
  }

  /// Turns new connections away, in whatever process has the socket; those that the kernel has accepted are still to be taken.
  /// Where a closed socket would refuse at once, a client is silent for as long as others have it open.
  func turnAway() {
    // A socket from elsewhere is not ours alone; a path is gone once it is unlinked.
    if !isGiven && !name.hasPrefix("fd://") { _ = martlet_refuse_handshakes(descriptor) }
  }

  /// Whether a socket could be opened at an address, or is open there already.
  /// - Throws: as `init`.
  static func check(_ name: String, reusePort: Bool) throws(PreforkError) {
    // A descriptor is there only where the daemon is started.
    if name.hasPrefix("fd://"), Int32(name.dropFirst(5)) ?? 0 > 2 { return }
    do throws(PreforkError) {
      try ListeningSocket(name, backlog: 1, reusePort: reusePort).close(unlinks: true)
    } catch {
      if case .listening(_, _, EADDRINUSE) = error { return }
      throw error
    }
  }

  /// Stops listening here; a process that inherited the socket goes on.
  /// - Parameter unlinks: whether a Unix-domain socket's file goes too.
  func close(unlinks: Bool) {
    Glibc.close(descriptor)
    if unlinks && !isGiven && name.hasPrefix("unix:") { unlink(String(name.dropFirst(5))) }
  }

  // MARK: - Addresses

  private static func split(_ name: String) throws(PreforkError) -> (host: String, port: Int) {
    guard let colon = name.lastIndex(of: ":"), let port = Int(name[name.index(after: colon)...]),
      (0...65535).contains(port)
    else { throw .invalidAddress(name, reason: "the port is missing or not from 0 to 65535") }
    var host = String(name[..<colon])
    if host.hasPrefix("[") && host.hasSuffix("]") {
      host = String(host.dropFirst().dropLast())
    } else if host.contains(":") {
      throw .invalidAddress(name, reason: "an IPv6 address has to stand in brackets")
    }
    return (host, port)
  }

  /// Where a listening socket of this number can be reached from this machine; nil if there is none.
  public static func reachableAddress(of descriptor: Int32) -> String? {
    ownAddress(descriptor).map(reachable)
  }

  private static func reachable(_ address: String) -> String {
    for (any, local) in [("0.0.0.0:", "127.0.0.1:"), ("[::]:", "[::1]:")]
    where address.hasPrefix(any) {
      return local + address.dropFirst(any.count)
    }
    return address
  }

  /// Where the kernel says that the socket is bound.
  private static func ownAddress(_ descriptor: Int32) -> String? {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    return withUnsafeMutablePointer(to: &storage) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address -> String? in
        guard getsockname(descriptor, address, &length) == 0 else { return nil }
        if Int32(address.pointee.sa_family) == AF_UNIX {
          return address.withMemoryRebound(to: sockaddr_un.self, capacity: 1) {
            withUnsafeBytes(of: $0.pointee.sun_path) {
              "unix:" + String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
          }
        }
        var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        var port = [CChar](repeating: 0, count: Int(NI_MAXSERV))
        guard
          getnameinfo(
            address, length, &host, socklen_t(host.count), &port, socklen_t(port.count),
            NI_NUMERICHOST | NI_NUMERICSERV) == 0
        else { return nil }
        let (name, number) = (text(host), text(port))
        return name.contains(":") ? "[\(name)]:\(number)" : "\(name):\(number)"
      }
    }
  }

  private static func text(_ characters: [CChar]) -> String {
    String(
      decoding: characters.prefix { $0 != 0 }.map { UInt8(truncatingIfNeeded: $0) }, as: UTF8.self)
  }

  // MARK: - Opening

  private static func listenTCP(
    _ name: String, host: String, port: Int, backlog: Int32, reusePort: Bool
  ) throws(PreforkError) -> Int32 {
    var hints = addrinfo()
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    // A name such as localhost has addresses of both kinds; IPv4 is what Gunicorn takes.
    hints.ai_family = host.contains(":") ? AF_INET6 : AF_INET
    var found: UnsafeMutablePointer<addrinfo>?
    var code = getaddrinfo(host.isEmpty ? nil : host, "\(port)", &hints, &found)
    if code != 0 && hints.ai_family == AF_INET {
      hints.ai_family = AF_INET6
      code = getaddrinfo(host, "\(port)", &hints, &found)
    }
    guard code == 0, let found else {
      throw .invalidAddress(name, reason: "the host name is not known")
    }
    defer { freeaddrinfo(found) }
    let descriptor = socket(found.pointee.ai_family, found.pointee.ai_socktype | closeOnExec, 0)
    guard descriptor >= 0 else { throw .listening(address: name, operation: "socket", code: errno) }
    set(descriptor, SOL_SOCKET, SO_REUSEADDR)
    if reusePort { set(descriptor, SOL_SOCKET, SO_REUSEPORT) }
    return try start(descriptor, name, backlog) {
      var bound = bind(descriptor, found.pointee.ai_addr, found.pointee.ai_addrlen)
      if bound != 0 && errno == EADDRINUSE && found.pointee.ai_family == AF_INET6 {
        // The IPv4 half of [::] may be taken by an address of its own.
        set(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY)
        bound = bind(descriptor, found.pointee.ai_addr, found.pointee.ai_addrlen)
      }
      return bound
    }
  }

  private static let closeOnExec = Int32(SOCK_CLOEXEC.rawValue)

  private static func set(_ descriptor: Int32, _ level: Int32, _ option: Int32) {
    var on: Int32 = 1
    setsockopt(descriptor, level, option, &on, socklen_t(MemoryLayout<Int32>.size))
  }

  private static func listenUnix(_ name: String, backlog: Int32) throws(PreforkError) -> Int32 {
    let path = Array(name.dropFirst(5).utf8)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let room = MemoryLayout.size(ofValue: address.sun_path)
    guard !path.isEmpty, path.count < room, !path.contains(0) else {
      throw .invalidAddress(name, reason: "the path must have 1 to \(room - 1) bytes")
    }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | closeOnExec, 0)
    guard descriptor >= 0 else { throw .listening(address: name, operation: "socket", code: errno) }
    return try start(descriptor, name, backlog) {
      withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
          let size = socklen_t(MemoryLayout<sockaddr_un>.size)
          let bound = bind(descriptor, address, size)
          guard bound != 0, errno == EADDRINUSE, isAbandoned(address, size, path) else {
            return bound
          }
          return bind(descriptor, address, size)
        }
      }
    }
  }

  /// Removes the socket file of a process that has gone. Not a file of another kind, and not a socket that answers.
  private static func isAbandoned(
    _ address: UnsafePointer<sockaddr>, _ size: socklen_t, _ path: [UInt8]
  ) -> Bool {
    let path = String(decoding: path, as: UTF8.self)
    var status = stat()
    guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else {
      errno = EEXIST
      return false
    }
    let probe = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | closeOnExec, 0)
    defer { Glibc.close(probe) }
    guard connect(probe, address, size) != 0, errno == ECONNREFUSED else {
      errno = EADDRINUSE
      return false
    }
    return unlink(path) == 0
  }

  private static func start(
    _ descriptor: Int32, _ name: String, _ backlog: Int32, bind: () -> Int32
  ) throws(PreforkError) -> Int32 {
    guard bind() == 0 else {
      let code = errno
      Glibc.close(descriptor)
      throw .listening(address: name, operation: "bind", code: code)
    }
    guard listen(descriptor, backlog) == 0 else {
      let code = errno
      Glibc.close(descriptor)
      throw .listening(address: name, operation: "listen", code: code)
    }
    return descriptor
  }
}
