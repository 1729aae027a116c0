import CSystem
import Foundation
import JSON
import Pages

#if canImport(FoundationNetworking)
  import FoundationNetworking
#endif

/// Asks the admin listener of a running daemon, over TCP or a Unix-domain socket.
public struct AdminClient: Sendable {
  /// Where it listens.
  public enum Address: Sendable, Equatable {
    /// `http://HOST:PORT`.
    case url(String)
    /// The path of a socket.
    case socket(String)
  }

  private let address: Address
  private let token: String?
  /// Bytes of an answer at most.
  private static let limit = 64 << 20

  /// - Parameter token: what the listener asks for; nil for nothing.
  public init(_ address: Address, token: String? = nil) {
    (self.address, self.token) = (address, token)
  }

  /// `/monitor.json` over the latest so many seconds.
  /// - Throws: `ServingError.noReport`.
  public func monitor(seconds: Double) throws(ServingError) -> JSONValue {
    let body = try get("/monitor.json?range=\(Int(seconds))")
    do {
      return try JSONValue(parsing: body)
    } catch {
      throw refused("its answer is no JSON")
    }
  }

  private func refused(_ reason: String) -> ServingError {
    switch address {
    case .url(let url): .noReport(address: url, reason: reason)
    case .socket(let path): .noReport(address: path, reason: reason)
    }
  }

  private func get(_ target: String) throws(ServingError) -> Data {
    switch address {
    case .url(let url): try get(target, from: url)
    case .socket(let path): try get(target, through: path)
    }
  }

  private func get(_ target: String, from base: String) throws(ServingError) -> Data {
    let root = base.hasSuffix("/") ? String(base.dropLast()) : base
    guard let url = URL(string: root + target), ["http", "https"].contains(url.scheme),
      url.host != nil
    else { throw refused("it is no http or https address") }
    var request = URLRequest(url: url, timeoutInterval: 30)
    if let token { request.setValue("Bearer \(token)", forHTTPHeaderField: "Authorization") }
    let answer = Answer()
    let done = DispatchSemaphore(value: 0)
    URLSession.shared.dataTask(with: request) { data, response, error in
      answer.body = data ?? Data()
      answer.status = (response as? HTTPURLResponse)?.statusCode
      answer.reason = error?.localizedDescription
      done.signal()
    }.resume()
    done.wait()
    guard let status = answer.status else { throw refused(answer.reason ?? "no answer") }
    return try checked(status, answer.body)
  }

  private final class Answer: @unchecked Sendable {
    // Written before the semaphore is signalled and read after.
    var body = Data()
    var status: Int?
    var reason: String?
  }

  private func get(_ target: String, through path: String) throws(ServingError) -> Data {
    let descriptor = martlet_connect_unix(path)
    guard descriptor >= 0 else { throw refused(String(cString: strerror(errno))) }
    let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    let authorization = token.map { "Authorization: Bearer \($0)\r\n" } ?? ""
    let request =
      "GET \(target) HTTP/1.1\r\nHost: localhost\r\n\(authorization)Connection: close\r\n\r\n"
    guard (try? file.write(contentsOf: Data(request.utf8))) != nil,
      let bytes = try? file.read(upToCount: Self.limit),
      let end = bytes.range(of: Data("\r\n\r\n".utf8))
    else { throw refused("the connection was closed") }
    let head = String(decoding: bytes[..<end.lowerBound], as: UTF8.self)
    let status = head.split(separator: " ", maxSplits: 2).dropFirst().first.flatMap { Int($0) }
    return try checked(status ?? 0, bytes[end.upperBound...])
  }

  private func checked(_ status: Int, _ body: Data) throws(ServingError) -> Data {
    switch status {
    case 200: return body
    case 401: throw refused("it wants a token: give its file with --admin-token-file")
    case 404: throw refused("there is no /monitor.json there")
    default: throw refused("it answers with status \(status)")
    }
  }
}

/// The dashboard as one file that shows one moment, without anything from elsewhere.
public enum MonitorReport {
  /// - Parameter monitor: what `/monitor.json` gave.
  public static func html(_ monitor: JSONValue) -> String {
    Page.monitor.document(["given": Page.embeddable(json: monitor.serialized())])
  }
}
