/// Answers one request, once, from any queue.
///
/// A handler that cannot answer at once keeps it. What arrives after the connection has gone is
/// dropped.
public struct Responder: Sendable {
  let server: HTTPServer
  let slot: Int
  let serial: UInt64
  let flag: CancellationFlag
  let acceptsGzip: Bool

  /// Sends the answer. It is compressed here, if it is, and so not on the I/O queue.
  public func respond(_ response: Response) {
    let encoded = server.compressor?.encode(response, acceptsGzip: acceptsGzip) ?? response
    server.deliver(encoded, slot: slot, serial: serial)
  }

  /// Whether the server is being drained. On the I/O queue alone.
  public var isDraining: Bool { server.isDraining }

  /// Whether the client has gone, so that the work would be in vain. Safe from any queue; false
  /// may be out of date as soon as it is read.
  public var isCancelled: Bool { flag.isCancelled }
}

/// Answers requests on the I/O queue.
///
/// Returns the answer if it is there at once; else returns nil, keeps the responder, and answers
/// later. It must not block.
public typealias RequestHandler = @Sendable (Request, Responder) -> Response?

/// One request and its answer, told to the observer once the answer's bytes are made, before they are sent.
public struct Exchange: Sendable {
  /// The request; nil if it was refused before it was complete.
  public let request: Request?
  let isHead: Bool
  let identity: RequestID
  /// The id in `X-Request-Id`.
  public var requestID: String { identity.description }
  /// The answer.
  public let response: Response
  /// Bytes of the answer, head and body.
  public let byteCount: Int
  /// Nanoseconds from the first byte of the request to the answer's writing.
  public let duration: Int64
  /// The client, as `Request.peer` has it.
  public let peer: Peer

  /// The status of the answer.
  public var status: Status { response.status }

  /// Bytes of the answer's body, as sent: none for HEAD.
  public var bodyByteCount: Int { isHead ? 0 : response.body.count }

  /// The value of the answer's first field with this name that the handler set.
  /// - Parameter name: compared without regard to case.
  public func responseField(named name: String) -> String? {
    let name = name.lowercased()
    switch name {
    case "content-type": return response.contentType
    case "content-length": return "\(response.body.count)"
    case "x-request-id": return requestID
    default: return response.fields.first { $0.name.lowercased() == name }?.value
    }
  }
}
