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
  ///   - template: a path. `{name}` matches one or more bytes of a segment; `{+name}` matches `/` too (RFC 6570 section
  ///     3.2.3). What matches is percent-decoded and put into `Request.parameters`. Where several templates match a path,
  ///     the one with most bytes outside its holes is taken, and of equals the first.
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
    var best: (route: Route, parameters: [String])?
    for route in routes
    where route.template.literalLength > best?.route.template.literalLength ?? -1 {
      if let parameters = route.template.match(request.head[request.pathRange]) {
        best = (route, parameters)
      }
    }
    if let (route, parameters) = best {
      var request = request
      request.parameters = parameters
      return handle(request, responder, route: route)
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
  /// What a template is made of, in order.
  private enum Piece: Sendable {
    case bytes([UInt8])
    /// One or more bytes, none of them `/` unless it spans segments.
    case hole(spansSegments: Bool)
  }

  let text: String
  private let pieces: [Piece]
  /// Bytes outside the holes.
  let literalLength: Int

  var isExact: Bool {
    pieces.allSatisfy { if case .hole = $0 { false } else { true } }
  }

  init(_ text: String) throws(HTTPError) {
    self.text = text
    var pieces: [Piece] = []
    var literal: [UInt8] = []
    var hole: [UInt8]?
    for byte in text.utf8 {
      switch (byte, hole) {
      case (UInt8(ascii: "{"), nil):
        if !literal.isEmpty { pieces.append(.bytes(literal)) }
        (literal, hole) = ([], [])
      case (UInt8(ascii: "}"), let name?):
        pieces.append(.hole(spansSegments: name.first == UInt8(ascii: "+")))
        hole = nil
      case (UInt8(ascii: "{"), _), (UInt8(ascii: "}"), _): throw .badTemplate(text)
      case (_, nil): literal.append(byte)
      case (_, _): hole?.append(byte)
      }
    }
    if hole != nil || !text.hasPrefix("/") { throw .badTemplate(text) }
    if !literal.isEmpty { pieces.append(.bytes(literal)) }
    self.pieces = pieces
    literalLength = pieces.reduce(0) {
      if case .bytes(let bytes) = $1 { $0 + bytes.count } else { $0 }
    }
  }

  /// What the holes match; nil if the path is another.
  func match(_ path: ArraySlice<UInt8>) -> [String]? { Self.match(pieces[...], path) }

  private static func match(_ pieces: ArraySlice<Piece>, _ path: ArraySlice<UInt8>) -> [String]? {
    guard let piece = pieces.first else { return path.isEmpty ? [] : nil }
    let rest = pieces.dropFirst()
    switch piece {
    case .bytes(let bytes):
      return path.starts(with: bytes) ? match(rest, path.dropFirst(bytes.count)) : nil
    case .hole(let spansSegments):
      let longest = spansSegments ? path : path.prefix { $0 != UInt8(ascii: "/") }
      // A hole at the end takes what is left.
      if rest.isEmpty {
        return longest.isEmpty || longest.count < path.count ? nil : [percentDecoded(path)]
      }
      guard case .bytes(let next)? = rest.first else { return nil }
      for length in 1..<max(1, longest.count + 1) where path.dropFirst(length).starts(with: next) {
        if let others = match(rest, path.dropFirst(length)) {
          return [percentDecoded(path.prefix(length))] + others
        }
      }
      return nil
    }
  }
}
