import Foundation
import JSON

/// The head of a request; none that is for here has a body.
struct SmallHubMessage: Sendable {
  let method: String
  let target: String
  let fields: [String: String]
}

/// An answer, of which a part may be sent.
struct SmallHubAnswer: Sendable {
  var status: Int
  var fields: [String: String] = [:]
  var body: [UInt8] = []
  /// Bytes of the body after which the connection ends; nil for all of them.
  var sent: Int?

  init(_ status: Int, fields: [String: String] = [:], body: [UInt8] = []) {
    (self.status, self.fields, self.body) = (status, fields, body)
  }

  init(_ status: Int, json: JSONValue) {
    self.init(
      status, fields: ["Content-Type": "application/json"], body: json.serializedBytes())
  }

  /// Leaves of the body what `Range` asks for.
  mutating func takePart(of range: String?) {
    guard status == 200, let range, range.hasPrefix("bytes=") else { return }
    let ends = range.dropFirst(6).split(separator: "-", omittingEmptySubsequences: false)
    guard let start = ends.first.flatMap({ Int($0) }) else { return }
    guard start < body.count else {
      (status, body) = (416, [])
      return
    }
    let last = min(body.count - 1, ends.dropFirst().first.flatMap { Int($0) } ?? .max)
    fields["Content-Range"] = "bytes \(start)-\(last)/\(body.count)"
    (status, body) = (206, Array(body[start...last]))
  }
}

/// A loopback port on which each connection has a thread.
final class SmallHubListener: Sendable {
  struct Unusable: Error {}

  let port: UInt16
  private let descriptor: Int32

  init(port: UInt16) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let descriptor = descriptor
    let code = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        let bound = bind(descriptor, address, length)
        return bound == 0 ? getsockname(descriptor, address, &length) : bound
      }
    }
    guard code == 0, listen(descriptor, 128) == 0 else { throw Unusable() }
    self.port = UInt16(bigEndian: address.sin_port)
  }

  func answer(_ body: @escaping @Sendable (SmallHubMessage) -> SmallHubAnswer) {
    let descriptor = descriptor
    Thread.detachNewThread {
      while true {
        let client = accept(descriptor, nil, nil)
        if client < 0 { return }
        Thread.detachNewThread {
          while let message = Self.read(client), Self.send(body(message), message, client) {}
          close(client)
        }
      }
    }
  }

  func stop() {
    shutdown(descriptor, Int32(SHUT_RDWR))
    close(descriptor)
  }

  private static func read(_ client: Int32) -> SmallHubMessage? {
    var head: [UInt8] = []
    var byte: UInt8 = 0
    while !head.suffix(4).elementsEqual("\r\n\r\n".utf8) {
      guard recv(client, &byte, 1, 0) == 1, head.count < 1 << 16 else { return nil }
      head.append(byte)
    }
    let lines = String(decoding: head, as: UTF8.self).components(separatedBy: "\r\n")
    let words = lines[0].split(separator: " ").map(String.init)
    guard words.count == 3 else { return nil }
    var fields: [String: String] = [:]
    for line in lines.dropFirst() {
      let parts = line.split(separator: ":", maxSplits: 1)
      guard parts.count == 2 else { continue }
      fields[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces)
    }
    return SmallHubMessage(method: words[0], target: words[1], fields: fields)
  }

  /// - Returns: whether the connection goes on.
  private static func send(
    _ answer: SmallHubAnswer, _ message: SmallHubMessage, _ client: Int32
  ) -> Bool {
    var head = "HTTP/1.1 \(answer.status) Small\r\nContent-Length: \(answer.body.count)\r\n"
    for (name, value) in answer.fields { head += "\(name): \(value)\r\n" }
    let body = message.method == "HEAD" ? [] : answer.body.prefix(answer.sent ?? .max)
    let bytes = Array((head + "\r\n").utf8) + body
    var offset = 0
    while offset < bytes.count {
      let count = bytes.withUnsafeBytes {
        Foundation.send(
          client, $0.baseAddress.map { $0 + offset }, $0.count - offset, Int32(MSG_NOSIGNAL))
      }
      if count <= 0 { return false }
      offset += count
    }
    return message.method == "HEAD" || answer.sent == nil
  }
}
