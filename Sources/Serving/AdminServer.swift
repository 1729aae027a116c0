import Dispatch
import HTTP

/// The admin listener: whatever the health process wants to show, on loopback or behind a token.
public final class AdminServer: Sendable {
  private let server: HTTPServer

  /// Makes the answer of one path; called on the I/O queue.
  public typealias Page = @Sendable (Request) -> Response

  /// A server that does nothing until `start`.
  /// - Parameters:
  ///   - listeners: listening sockets; they stay their owner's to close.
  ///   - token: if not nil, every request must carry `Authorization: Bearer` with it.
  ///   - pages: answers to GET, by path, for example `/metrics`.
  /// - Throws: `HTTPError`.
  public init(listeners: [Int32], token: String? = nil, pages: [String: Page]) throws {
    var router = Router()
    for (path, page) in pages {
      try router.add(.get, path) { request, _ in page(request) }
    }
    let expected = token.map { Array("Bearer \($0)".utf8) }
    // A scraper keeps its connection, and the end of the daemon waits for this server last.
    var configuration = HTTPServerConfiguration()
    (configuration.drainGrace, configuration.drainAccepting) = (0.2, 0.1)
    configuration.drainLinger = 0.2
    server = try HTTPServer(
      listeners: listeners, configuration: configuration,
      queue: DispatchQueue(label: "martlet.admin", qos: .background)
    ) {
      [router] request, responder in
      if let expected, !isEqualInConstantTime(expected, request.fieldBytes("authorization")) {
        var response = Problem(
          status: .unauthorized, detail: "The admin token is missing or wrong.",
          mend: "Send 'Authorization: Bearer TOKEN'."
        ).response(requestID: request.id)
        response.fields.append(("WWW-Authenticate", "Bearer"))
        return response
      }
      return router.handle(request, responder)
    }
  }

  /// Begins to serve.
  public func start() { server.start() }

  /// Answers what has begun, stops accepting, then calls back, as `HTTPServer.drain` does.
  public func drain(
    deadline: Double, acceptingEnded: @escaping @Sendable () -> Void = {},
    completion: @escaping @Sendable () -> Void
  ) {
    server.drain(deadline: deadline, acceptingEnded: acceptingEnded, completion: completion)
  }
}
