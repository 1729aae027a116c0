import Foundation
import Synchronization

#if canImport(FoundationNetworking)
  import FoundationNetworking
#endif

/// Requests over one `URLSession`, whose connections are kept. It follows no redirect: whom a token may reach is for `HubClient`
/// to say. Proxies are those of the environment.
final class HubTransport: NSObject, URLSessionDataDelegate, Sendable {
  /// Takes pieces of a body as they come.
  typealias Receiver = @Sendable (HTTPURLResponse, Data) throws -> Void

  private struct Exchange: Sendable {
    let receive: Receiver
    let continuation: CheckedContinuation<HTTPURLResponse, any Error>
    var response: HTTPURLResponse?
    var failure: (any Error)?
  }

  private let exchanges = Mutex<[Int: Exchange]>([:])
  private let session = Mutex<URLSession?>(nil)
  /// Seconds of silence after which an exchange is given up.
  private static let patience = 15.0

  /// The session holds its delegate until `close`.
  override init() {
    super.init()
    Self.adoptEnvironment()
    let configuration = URLSessionConfiguration.ephemeral
    configuration.timeoutIntervalForRequest = Self.patience
    configuration.httpMaximumConnectionsPerHost = HubDownload.connections
    configuration.httpShouldSetCookies = false
    let made = URLSession(configuration: configuration, delegate: self, delegateQueue: nil)
    session.withLock { $0 = made }
  }

  /// Gives what Python's programs read from the environment the names that libcurl and Foundation read.
  private static func adoptEnvironment() {
    let environment = ProcessInfo.processInfo.environment
    func adopt(_ name: String, from others: String...) {
      let value = ([name] + others).lazy.compactMap { environment[$0] }.first { !$0.isEmpty }
      if let value { setenv(name, value, 1) }
    }
    adopt("http_proxy", from: "HTTP_PROXY")
    adopt(
      "URLSessionCertificateAuthorityInfoFile",
      from: "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
  }

  /// Lets go of the connections.
  func close() {
    session.withLock { session in
      session?.invalidateAndCancel()
      session = nil
    }
  }

  /// One request; what `receive` throws ends it.
  func send(_ request: URLRequest, _ receive: @escaping Receiver) async throws -> HTTPURLResponse {
    guard let task = session.withLock({ $0?.dataTask(with: request) }) else {
      throw CancellationError()
    }
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        exchanges.withLock {
          $0[task.taskIdentifier] = Exchange(receive: receive, continuation: continuation)
        }
        task.resume()
      }
    } onCancel: {
      task.cancel()
    }
  }

  private func take(_ response: URLResponse?, of task: URLSessionTask) {
    guard let response = response as? HTTPURLResponse else { return }
    exchanges.withLock { $0[task.taskIdentifier]?.response = response }
  }

  func urlSession(
    _ session: URLSession, task: URLSessionTask,
    willPerformHTTPRedirection response: HTTPURLResponse, newRequest request: URLRequest,
    completionHandler: @escaping (URLRequest?) -> Void
  ) {
    take(response, of: task)
    completionHandler(nil)
  }

  func urlSession(
    _ session: URLSession, dataTask: URLSessionDataTask, didReceive response: URLResponse,
    completionHandler: @escaping (URLSession.ResponseDisposition) -> Void
  ) {
    take(response, of: dataTask)
    completionHandler(.allow)
  }

  func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
    let exchange = exchanges.withLock { $0[dataTask.taskIdentifier] }
    guard let exchange, let response = exchange.response, exchange.failure == nil else { return }
    do {
      try exchange.receive(response, data)
    } catch {
      exchanges.withLock { $0[dataTask.taskIdentifier]?.failure = error }
      dataTask.cancel()
    }
  }

  func urlSession(
    _ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?
  ) {
    guard let exchange = exchanges.withLock({ $0.removeValue(forKey: task.taskIdentifier) }) else {
      return
    }
    if let failure = exchange.failure ?? error {
      return exchange.continuation.resume(throwing: failure)
    }
    guard let response = exchange.response ?? task.response as? HTTPURLResponse else {
      return exchange.continuation.resume(throwing: URLError(.badServerResponse))
    }
    exchange.continuation.resume(returning: response)
  }
}
