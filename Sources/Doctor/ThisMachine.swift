import Foundation
import Glibc

extension Machine {
  /// The machine that this program runs on.
  public static func this() -> Machine {
    Machine(root: "", now: Date(), run: runProgram, ask: loopbackAnswer, space: freeSpace)
  }

  private static func freeSpace(_ path: String) -> (free: Int, total: Int)? {
    var values = statvfs()
    guard statvfs(path, &values) == 0 else { return nil }
    let block = Int(values.f_frsize)
    return (Int(values.f_bavail) * block, Int(values.f_blocks) * block)
  }

  private static func runProgram(_ command: [String]) -> Outcome? {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = command
    var environment = ProcessInfo.processInfo.environment
    // A user's PATH may lack the folders of administration, where nginx is.
    environment["PATH"] =
      (environment["PATH"] ?? "/usr/bin:/bin") + ":/usr/local/sbin:/usr/sbin:/sbin"
    environment["LC_ALL"] = "C"
    process.environment = environment
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    process.standardInput = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return nil }
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    // env(1) says by 127 that there is no such program.
    if process.terminationStatus == 127 { return nil }
    return Outcome(
      status: process.terminationStatus,
      output: String(decoding: output, as: UTF8.self).trimmingCharacters(
        in: .whitespacesAndNewlines))
  }

  /// Asks by a plain socket: one request that ends its connection, five seconds between two parts of the answer.
  private static func loopbackAnswer(_ port: UInt16, _ path: String, _ host: String) -> Answer? {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var limit = timeval(tv_sec: 5, tv_usec: 0)
    let size = socklen_t(MemoryLayout<timeval>.size)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    let connected = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard connected == 0 else { return nil }
    let request = Array(
      "GET \(path) HTTP/1.0\r\nHost: \(host)\r\nConnection: close\r\n\r\n".utf8)
    guard send(descriptor, request, request.count, Int32(MSG_NOSIGNAL)) == request.count
    else { return nil }
    var answer: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65536)
    while answer.count < 1 << 20 {
      let count = recv(descriptor, &buffer, buffer.count, 0)
      guard count > 0 else { break }
      answer += buffer.prefix(count)
    }
    let words = String(decoding: answer.prefix(32), as: UTF8.self).split(separator: " ")
    guard words.count > 1, let status = Int(words[1].prefix(3)) else { return nil }
    let end = answer.firstRange(of: Array("\r\n\r\n".utf8))?.upperBound ?? answer.count
    return Answer(status: status, body: Array(answer[end...]))
  }
}
