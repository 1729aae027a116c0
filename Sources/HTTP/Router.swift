/// Finds the handler of a request by path and method.
///
/// A path that is not known is 404, a method that the path does not have is 405 with `Allow`
/// (RFC 9110 section 15.5.6), a method that nobody knows is 501. HEAD is answered by GET's handler,
/// OPTIONS here.
public struct Router: Sendable {
  private struct Route {
    var template: Template
    var handlers: [(method: Method, handler: RequestHandler)] = []
  }

  private var routes: [Route] = []
  private var exact: [String: Int] = [:]
  /// Paths answered 404 with an explanation of where to look instead.
  private var explanations: [String: Problem] = [:]

  /// A router without routes.
  public init() {}

  /// Adds a route.
  /// - Parameters:
  ///   - template: a path. `{name}` in a segment matches one or more bytes up to what follows it in
  ///     the template, and no `/`; the decoded match is put into `Request.parameters`.
  /// - Throws: `HTTPError.badTemplate`.
  public mutating func add(
    _ method: Method, _ template: String, handler: @escaping RequestHandler
  ) throws(HTTPError) {
    let parsed = try Template(template)
    var index = routes.firstIndex { $0.template.text == template }
    if index == nil {
      routes.append(Route(template: parsed))
      index = routes.count - 1
      if parsed.isExact { exact[template] = routes.count - 1 }
    }
    if let index { routes[index].handlers.append((method, handler)) }
  }

  /// Answers a path that is not served with a 404 that says why.
  public mutating func explain(_ path: String, detail: String, mend: String) {
    explanations[path] = Problem(status: .notFound, detail: detail, mend: mend)
  }

  /// Answers a request, or hands it on.
  public func handle(_ request: Request, _ responder: Responder) -> Response? {
    if request.method == .connect { return refuseTunnel(request) }
    let path = request.path
    if let index = exact[path] {
      return handle(request, responder, route: routes[index])
    }
    for route in routes where !route.template.isExact {
      if let parameters = route.template.match(request.head[request.pathRange]) {
        var request = request
        request.parameters = parameters
        return handle(request, responder, route: route)
      }
    }
    if path == "*" && request.method == .options {
      return Response(.noContent, fields: [("Allow", "GET, HEAD, OPTIONS, POST")])
    }
    let problem =
      explanations[path]
      ?? Problem(
        status: .notFound, detail: "There is nothing at this path.",
        mend: "Look at /openapi.json for the paths that there are.")
    return problem.response(requestID: request.id)
  }

  private func handle(
    _ request: Request, _ responder: Responder, route: Route
  ) -> Response? {
    let wanted = request.method == .head ? Method.get : request.method
    for entry in route.handlers where entry.method == wanted || entry.method == request.method {
      return entry.handler(request, responder)
    }
    let allowed = allowedMethods(route)
    if request.method == .options { return Response(.noContent, fields: [("Allow", allowed)]) }
    let isKnown = request.method != .unknown
    // A redirect with 301 or 302, as certbot writes into sites, makes a GET of a POST (RFC 9110 section 15.4.2).
    let isPosted = wanted == .get && route.handlers.contains { $0.method == .post }
    var response = Problem(
      status: isKnown ? .methodNotAllowed : .notImplemented,
      detail: "This path does not have the method.",
      mend: "Use one of: \(allowed)."
        + (isPosted
          ? " If you sent POST, a redirect on the way made it GET: ask the https address itself, or let the proxy redirect with 308."
          : "")
    ).response(requestID: request.id)
    response.fields.append(("Allow", allowed))
    return response
  }

  /// No tunnels: 501, and nothing more is read, since what follows may not be HTTP (RFC 9110 section 9.3.6).
  private func refuseTunnel(_ request: Request) -> Response {
    var response = Problem(
      status: .notImplemented, detail: "This server is no proxy.",
      mend: "Send the request to the server that it is for."
    ).response(requestID: request.id)
    response.closesConnection = true
    return response
  }

  private func allowedMethods(_ route: Route) -> String {
    var names = Set(route.handlers.map(\.method.name))
    if names.contains("GET") { names.insert("HEAD") }
    names.insert("OPTIONS")
    return names.sorted().joined(separator: ", ")
  }
}

/// A path with holes.
private struct Template: Sendable {
  let text: String
  /// The text around the holes: one more than there are holes.
  let pieces: [[UInt8]]

  var isExact: Bool { pieces.count == 1 }

  init(_ text: String) throws(HTTPError) {
    self.text = text
    var pieces: [[UInt8]] = [[]]
    var isInside = false
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "{") where !isInside: isInside = true
      case UInt8(ascii: "}") where isInside:
        isInside = false
        pieces.append([])
      case UInt8(ascii: "{"), UInt8(ascii: "}"): throw .badTemplate(text)
      default: if !isInside { pieces[pieces.count - 1].append(byte) }
      }
    }
    if isInside || !text.hasPrefix("/") { throw .badTemplate(text) }
    self.pieces = pieces
  }

  /// What the holes match; nil if the path is another.
  func match(_ path: ArraySlice<UInt8>) -> [String]? {
    guard path.starts(with: pieces[0]) else { return nil }
    var rest = path.dropFirst(pieces[0].count)
    var matches: [String] = []
    for (index, piece) in pieces.enumerated().dropFirst() {
      let segment = rest.prefix { $0 != UInt8(ascii: "/") }
      var length = segment.count
      if piece.isEmpty {
        if index < pieces.count - 1 { return nil }
      } else {
        // The first place, after at least one byte, where the next piece stands.
        length = 1
        while length <= segment.count, !rest.dropFirst(length).starts(with: piece) { length += 1 }
      }
      if length == 0 || length > segment.count { return nil }
      matches.append(percentDecoded(rest.prefix(length)))
      rest = rest.dropFirst(length + piece.count)
    }
    return rest.isEmpty ? matches : nil
  }
}
