import CSystem
import Glibc

/// A socket that the arbiter opened to listen on; workers inherit its descriptor.
public struct ListeningSocket: Sendable {
  /// The descriptor, non-blocking.
  public let descriptor: Int32
  /// The address as the user would write it.
  public let address: String
  /// Where a client of this machine reaches it, such as `127.0.0.1:5000`.
  public let localAddress: String

  /// Listens on `HOST:PORT`, `[IPV6]:PORT`, `unix:PATH` or `fd://N`.
  ///
  /// - Throws: `PreforkError.invalidAddress` or `.listening`.
  public init(_ address: String, backlog: Int32) throws(PreforkError) {
    self.address = address
    if address.hasPrefix("fd://") {
      guard let descriptor = Int32(address.dropFirst(5)), descriptor > 2 else {
        throw .invalidAddress(address, reason: "there is no descriptor of that number")
      }
      self.descriptor = descriptor
      localAddress = address
    } else if address.hasPrefix("unix:") {
      descriptor = try Self.listenUnix(address, backlog: backlog)
      localAddress = address
    } else {
      let (host, port) = try Self.split(address)
      descriptor = try Self.listenTCP(address, host: host, port: port, backlog: backlog)
      let isAny = host == "0.0.0.0" || host == "::" || host.isEmpty
      localAddress = "\(isAny ? "127.0.0.1" : host.contains(":") ? "[\(host)]" : host):\(port)"
    }
    let flags = fcntl(descriptor, F_GETFL)
    _ = fcntl(descriptor, F_SETFL, flags | O_NONBLOCK)
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
  }

  private static func split(_ address: String) throws(PreforkError) -> (String, Int) {
    guard let colon = address.lastIndex(of: ":"),
      let port = Int(address[address.index(after: colon)...]),
      (1...65535).contains(port)
    else { throw .invalidAddress(address, reason: "the port is missing or not from 1 to 65535") }
    var host = String(address[..<colon])
    if host.hasPrefix("[") && host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
    return (host, port)
  }

  private static func listenTCP(
    _ address: String, host: String, port: Int, backlog: Int32
  ) throws(PreforkError) -> Int32 {
    var hints = addrinfo()
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var found: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(host.isEmpty ? nil : host, "\(port)", &hints, &found) == 0, let info = found
    else { throw .invalidAddress(address, reason: "the host name is not known") }
    defer { freeaddrinfo(info) }
    let descriptor = socket(info.pointee.ai_family, info.pointee.ai_socktype, 0)
    guard descriptor >= 0 else {
      throw .listening(address: address, operation: "socket", code: errno)
    }
    var on: Int32 = 1
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
    return try start(
      descriptor, address, backlog
    ) { bind(descriptor, info.pointee.ai_addr, info.pointee.ai_addrlen) }
  }

  private static func listenUnix(
    _ address: String, backlog: Int32
  ) throws(PreforkError) -> Int32 {
    let path = Array(address.dropFirst(5).utf8)
    var name = sockaddr_un()
    name.sun_family = sa_family_t(AF_UNIX)
    let room = MemoryLayout.size(ofValue: name.sun_path)
    guard !path.isEmpty, path.count < room else {
      throw .invalidAddress(address, reason: "the path must have 1 to \(room - 1) bytes")
    }
    withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: path) }
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    guard descriptor >= 0 else {
      throw .listening(address: address, operation: "socket", code: errno)
    }
    unlink(String(decoding: path, as: UTF8.self))
    let bound = withUnsafePointer(to: &name) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    return try start(descriptor, address, backlog) { bound }
  }

  private static func start(
    _ descriptor: Int32, _ address: String, _ backlog: Int32, bind: () -> Int32
  ) throws(PreforkError) -> Int32 {
    guard bind() == 0 else {
      let code = errno
      close(descriptor)
      throw .listening(address: address, operation: "bind", code: code)
    }
    guard listen(descriptor, backlog) == 0 else {
      let code = errno
      close(descriptor)
      throw .listening(address: address, operation: "listen", code: code)
    }
    return descriptor
  }
}
