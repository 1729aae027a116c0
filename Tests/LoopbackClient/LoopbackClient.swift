import Foundation

/// A listening socket on a free loopback port, for tests.
public struct LoopbackListener: Sendable {
  /// The socket.
  public let descriptor: Int32
  /// The port that the kernel chose.
  public let port: UInt16

  /// Listens.
  public init() {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let descriptor = descriptor
    let code = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        let bound = bind(descriptor, address, length)
        return bound == 0 ? getsockname(descriptor, address, &length) : bound
      }
    }
    precondition(code == 0 && listen(descriptor, 128) == 0, "no loopback listener")
    port = UInt16(bigEndian: address.sin_port)
  }
}

/// A client that sends exactly the bytes it is told to. Reads give up after a minute.
/// One thread may send while another reads.
public final class LoopbackClient: @unchecked Sendable {
  private let descriptor: Int32
  private var received: [UInt8] = []

  /// Connects.
  public init(port: UInt16) {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var patience = timeval(tv_sec: 60, tv_usec: 0)
    setsockopt(
      descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let descriptor = descriptor
    let code = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    precondition(code == 0, "cannot connect to port \(port)")
  }

  deinit { close(descriptor) }

  /// Sends all bytes; false if the server has gone.
  @discardableResult
  public func send(_ bytes: [UInt8]) -> Bool {
    var offset = 0
    while offset < bytes.count {
      let count = bytes.withUnsafeBytes {
        Foundation.send(
          descriptor, $0.baseAddress?.advanced(by: offset), $0.count - offset,
          Int32(MSG_NOSIGNAL))
      }
      if count <= 0 { return false }
      offset += count
    }
    return true
  }

  /// Sends text as UTF-8.
  @discardableResult
  public func send(_ text: String) -> Bool { send(Array(text.utf8)) }

  /// Says that nothing more comes.
  public func finish() { shutdown(descriptor, Int32(SHUT_WR)) }

  /// The socket's pending error, such as ECONNRESET; 0 for none.
  public var lastError: Int32 {
    var code: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size)
    return code
  }

  private func receive() -> Bool {
    var buffer = [UInt8](repeating: 0, count: 65536)
    let count = recv(descriptor, &buffer, buffer.count, 0)
    if count > 0 { received += buffer[..<count] }
    return count > 0
  }

  /// Everything until the server closes.
  public func readToEnd() -> String {
    while receive() {}
    defer { received = [] }
    return String(decoding: received, as: UTF8.self)
  }

  /// Reads and drops bytes until so many have come, or the server has closed or cut the connection.
  /// - Returns: how many came.
  public func read(_ wanted: Int) -> Int {
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    var total = received.count
    received = []
    while total < wanted {
      let count = recv(descriptor, &buffer, min(buffer.count, wanted - total), 0)
      if count <= 0 { break }
      total += count
    }
    return total
  }

  /// One answer, by its Content-Length; nil if the connection ended first.
  /// - Parameter hasBody: false for an answer to HEAD.
  public func readAnswer(hasBody: Bool = true) -> Answer? {
    while true {
      if let answer = takeAnswer(hasBody: hasBody) { return answer }
      if !receive() { return nil }
    }
  }

  private func takeAnswer(hasBody: Bool) -> Answer? {
    let end = Array("\r\n\r\n".utf8)
    guard
      let headEnd = received.indices.first(where: { received[$0...].prefix(4).elementsEqual(end) })
    else { return nil }
    let lines = String(decoding: received[..<headEnd], as: UTF8.self)
      .components(separatedBy: "\r\n")
    var fields: [String: String] = [:]
    for line in lines.dropFirst() {
      let parts = line.split(separator: ":", maxSplits: 1).map {
        $0.trimmingCharacters(in: .whitespaces)
      }
      fields[parts[0].lowercased()] = parts.count > 1 ? parts[1] : ""
    }
    let length = hasBody ? Int(fields["content-length"] ?? "0") ?? 0 : 0
    let bodyEnd = headEnd + 4 + length
    if received.count < bodyEnd { return nil }
    let body = String(decoding: received[(headEnd + 4)..<bodyEnd], as: UTF8.self)
    received.removeFirst(bodyEnd)
    let status = Int(lines[0].split(separator: " ").dropFirst().first ?? "") ?? 0
    return Answer(status: status, fields: fields, body: body)
  }

  /// An answer as it came.
  public struct Answer {
    /// The status code.
    public let status: Int
    /// Fields by lower-case name; the last of a name.
    public let fields: [String: String]
    /// The body.
    public let body: String
  }
}
