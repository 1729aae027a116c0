import Foundation
import FuzzDriver
import HTTP

/// One server on a socket of the file system, and one connection to it for each input. The first byte of an input chooses
/// whether a PROXY header is expected and which field names the client; the rest is what the client sends.
final class Target: Sendable {
  let path: String
  private let server: HTTPServer

  init(proxyProtocol: Bool, forwarding: Forwarding) throws {
    path =
      NSTemporaryDirectory() + "martlet-fuzz-\(getpid())-\(proxyProtocol)-\(forwarding.rawValue)"
    unlink(path)
    let listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    let code = Target.withAddress(path) { bind(listener, $0, $1) }
    precondition(code == 0 && listen(listener, 16) == 0, "no listener at \(path)")
    var configuration = HTTPServerConfiguration()
    configuration.trustedProxies = try TrustedPeers("*")
    configuration.forwarding = forwarding
    configuration.limits.requestBody = 100_000
    configuration.compressionMinimumSize = 100
    configuration.lingerTimeout = 0.1
    if proxyProtocol { configuration.proxyProtocol = try TrustedPeers("*") }
    server = try HTTPServer(listeners: [listener], configuration: configuration) {
      request, responder in
      let text = "\(request.method) \(request.path) \(request.peer) \(request.body.count) "
      let response = Response.text(.ok, String(repeating: text, count: 1 + request.body.count % 20))
      if request.body.count % 3 != 1 { return response }
      DispatchQueue.global().async { responder.respond(response) }
      return nil
    }
    server.start()
  }

  static func withAddress<Result>(
    _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
  ) -> Result {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
    return withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
  }

  /// All that the server answers until it ends.
  func answer(to bytes: [UInt8]) -> [UInt8] {
    let client = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(client) }
    // Long, because fuzzing goes on where others have the processor.
    var patience = timeval(tv_sec: 60, tv_usec: 0)
    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    let code = Target.withAddress(path) { connect(client, $0, $1) }
    precondition(code == 0, "the server accepts")
    _ = bytes.withUnsafeBytes { send(client, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
    shutdown(client, Int32(SHUT_WR))
    var answer: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = recv(client, &buffer, buffer.count, 0)
      if count < 0 && errno == ECONNRESET { return answer }
      // libFuzzer's alarm interrupts a receive that has a time limit (signal(7)).
      if count < 0 && errno == EINTR { continue }
      precondition(count >= 0, "the server ends a connection whose client has ended")
      if count == 0 { return answer }
      answer += buffer[..<count]
    }
  }
}

let targets = try [false, true].flatMap { proxyProtocol in
  try Forwarding.allCases.map { try Target(proxyProtocol: proxyProtocol, forwarding: $0) }
}

exit(
  fuzz { bytes in
    guard let first = bytes.first else { return }
    let answer = targets[Int(first) % targets.count].answer(to: Array(bytes.dropFirst()))
    precondition(answer.isEmpty || answer.starts(with: "HTTP/1.1 ".utf8), "answers are answers")
  })
