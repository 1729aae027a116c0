import Foundation
import HubCache
import JSON
import Synchronization

#if canImport(FoundationNetworking)
  import FoundationNetworking
#endif

/// Asks a hub, as `huggingface_hub` does: `/api/models/NAME/revision/REVISION`, and HEAD and GET of
/// `/NAME/resolve/REVISION/FILE`, whose answers name each file's bytes (`X-Linked-Etag`, `X-Linked-Size`, `X-Repo-Commit`) and
/// lead to another host for large ones.
struct HubClient: Sendable {
  let settings: HubSettings
  let transport: HubTransport
  /// Told of seconds that are waited, and why.
  let waiting: @Sendable (Double, String) -> Void

  private static let attempts = 5
  private static let mostRedirects = 10
  /// Seconds that are waited when the hub says so; what takes longer is an error.
  private static let longestWait = 120
  private static let longestListing = 1 << 26

  /// What a revision is.
  struct Revision: Sendable {
    let commit: String
    let files: Set<String>
  }

  /// One file's bytes, without them.
  struct File: Sendable {
    let name: String
    /// The name of its bytes.
    let etag: String
    /// How many there are; nil where the hub does not say.
    let size: Int?
  }

  // MARK: - Questions

  /// The commit of a revision, and its files.
  /// - Throws: `HubError`.
  func revision(_ name: HubName) async throws -> Revision {
    let url = try url(
      "/api/models/\(name.id)/revision/\(Self.encoded(name.wantedRevision, keepsSlash: false))")
    let body = try await retrying { try await json(url, name) }
    guard let commit = body["sha"]?.stringValue, HubName.isCommit(commit) else {
      throw HubError.noHub(url: url.absoluteString, problem: "it names no commit")
    }
    let listed = body["siblings"]?.arrayValue?.compactMap { $0["rfilename"]?.stringValue }
    let files = if let listed { listed } else { try await tree(name, commit: commit) }
    // A name that leads out of the folder could write any file.
    return Revision(commit: commit, files: Set(files.filter(HubName.isRelativePath)))
  }

  /// The files of a commit, from a hub that does not list them with the revision.
  private func tree(_ name: HubName, commit: String) async throws -> [String] {
    let url = try url("/api/models/\(name.id)/tree/\(commit)?recursive=true&expand=false")
    let entries = try await retrying { try await json(url, name) }
    guard let entries = entries.arrayValue else {
      throw HubError.noHub(url: url.absoluteString, problem: "it lists no files")
    }
    return entries.filter { $0["type"]?.stringValue == "file" }.compactMap {
      $0["path"]?.stringValue
    }
  }

  private func json(_ url: URL, _ name: HubName) async throws -> JSONValue {
    let body = Mutex(Data())
    let (_, response) = try await send("GET", url) { response, data in
      guard response.statusCode == 200 else { return }
      let count = body.withLock { body in
        body.append(data)
        return body.count
      }
      if count > Self.longestListing {
        throw HubError.noHub(url: url.absoluteString, problem: "the answer has no end")
      }
    }
    guard response.statusCode == 200 else {
      var error = failure(response, name, file: nil)
      if response.statusCode == 404, response.value(forHTTPHeaderField: "X-Error-Code") == nil {
        error = try await missing(name)
      }
      throw error
    }
    let data = body.withLock { $0 }
    guard let json = try? JSONValue(parsing: data, limits: JSONLimits(fileBytes: data.count)) else {
      throw HubError.noHub(url: url.absoluteString, problem: "the answer is not JSON")
    }
    return json
  }

  /// Which of both is not there, where the hub does not say: the model or its revision.
  private func missing(_ name: HubName) async throws -> HubError {
    let (_, response) = try await send("GET", url("/api/models/\(name.id)")) { _, _ in }
    return response.statusCode == 200
      ? .noRevision(name: name.id, revision: name.wantedRevision, endpoint: settings.endpoint)
      : noModel(name)
  }

  /// What the bytes of a file are.
  /// - Throws: `HubError`.
  func file(_ path: String, _ name: HubName, commit: String) async throws -> File {
    let url = try resolveURL(path, name, commit: commit)
    return try await retrying {
      let (end, response) = try await send("HEAD", url) { _, _ in }
      func field(_ name: String) -> String? { response.value(forHTTPHeaderField: name) }
      let isRedirect = (300..<400).contains(response.statusCode)
      guard response.statusCode == 200 || isRedirect else {
        throw failure(response, name, file: path)
      }
      guard let etag = (field("X-Linked-Etag") ?? field("ETag")).flatMap(Self.bytesName) else {
        throw HubError.noHub(url: end.absoluteString, problem: "it gives no ETag")
      }
      let size = field("X-Linked-Size") ?? (isRedirect ? nil : field("Content-Length"))
      return File(
        name: path, etag: etag, size: size.flatMap { Int($0) }.flatMap { $0 < 0 ? nil : $0 })
    }
  }

  /// The bytes of a file from `offset` on, or from its start where the answer says so, up to `end` if anyone heeds that.
  /// - Returns: the final answer.
  /// - Throws: `HubError`, or what `receive` throws.
  func bytes(
    _ file: File, _ name: HubName, commit: String, from offset: Int, to end: Int?,
    _ receive: @escaping HubTransport.Receiver
  ) async throws -> HTTPURLResponse {
    var fields: [String: String] = [:]
    if offset > 0 || end != nil {
      fields["Range"] = "bytes=\(offset)-" + (end.map { "\($0 - 1)" } ?? "")
    }
    let (_, response) = try await send(
      "GET", resolveURL(file.name, name, commit: commit), fields, receive)
    guard [200, 206, 416].contains(response.statusCode) else {
      throw failure(response, name, file: file.name)
    }
    return response
  }

  // MARK: - Requests

  /// One request and those that its redirects lead to. Only the hub itself gets the token.
  ///
  /// - Returns: where it ended, and the answer: one that names a file's bytes ends it for HEAD, though it be a redirect.
  private func send(
    _ method: String, _ first: URL, _ fields: [String: String] = [:],
    _ receive: @escaping HubTransport.Receiver
  ) async throws -> (URL, HTTPURLResponse) {
    var url = first
    for _ in 0...Self.mostRedirects {
      var request = URLRequest(url: url)
      request.httpMethod = method
      // What is compressed on the way has another length.
      request.setValue("identity", forHTTPHeaderField: "Accept-Encoding")
      request.setValue("martlet", forHTTPHeaderField: "User-Agent")
      for (name, value) in fields { request.setValue(value, forHTTPHeaderField: name) }
      if let token = settings.token, isHub(url) {
        // What is no token could end the field and begin another.
        guard token.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
          throw HubError.badToken(endpoint: settings.endpoint)
        }
        request.setValue("Bearer \(token)", forHTTPHeaderField: "Authorization")
      }
      let response: HTTPURLResponse
      do {
        response = try await transport.send(request, receive)
      } catch let error as URLError {
        throw Self.unreachable(error, url)
      }
      guard (300..<400).contains(response.statusCode), response.statusCode != 304,
        let location = response.value(forHTTPHeaderField: "Location"),
        let next = URL(string: location, relativeTo: url)?.absoluteURL,
        method != "HEAD" || response.value(forHTTPHeaderField: "X-Linked-Etag") == nil
      else { return (url, response) }
      guard ["http", "https"].contains(next.scheme ?? "") else {
        throw HubError.noHub(
          url: url.absoluteString, problem: "it leads to \(location.prefix(200))")
      }
      url = next
    }
    throw HubError.noHub(url: first.absoluteString, problem: "it leads on and on")
  }

  /// Whether a token may go there: the same host and port, and never from https to http.
  private func isHub(_ url: URL) -> Bool {
    guard let own = URL(string: settings.endpoint) else { return false }
    return url.host == own.host && url.port == own.port
      && (url.scheme == own.scheme || own.scheme == "http")
  }

  private static func unreachable(_ error: URLError, _ url: URL) -> any Error {
    if error.code == .cancelled { return CancellationError() }
    let reason =
      switch error.code {
      case .cannotFindHost, .dnsLookupFailed: "no such host"
      case .cannotConnectToHost: "connection refused"
      case .timedOut: "no answer in time"
      case .networkConnectionLost: "the connection broke"
      case .secureConnectionFailed, .serverCertificateUntrusted, .serverCertificateHasBadDate,
        .serverCertificateNotYetValid, .serverCertificateHasUnknownRoot:
        "its certificate is not accepted (SSL_CERT_FILE names another authority's)"
      default: error.localizedDescription
      }
    let port = url.port.map { ":\($0)" } ?? ""
    return HubError.unreachable(
      endpoint: "\(url.scheme ?? "")://\(url.host ?? "")\(port)", reason: reason)
  }

  /// Tries again what may pass: overload, an error of the server, a broken connection.
  func retrying<Value: Sendable>(_ body: () async throws -> Value) async throws -> Value {
    for attempt in 1... {
      do {
        return try await body()
      } catch let error as HubError where error.isPassing && attempt < Self.attempts {
        try await wait(error, attempt: attempt)
      }
    }
    throw CancellationError()
  }

  /// Waits as long as the hub says, or twice as long each time.
  /// - Throws: the error itself where waiting does not pay.
  func wait(_ error: HubError, attempt: Int) async throws {
    var seconds = 0.25 * Double(1 << attempt)
    var reason = "trying again"
    switch error {
    case .tooMany(_, let asked?):
      if asked > Self.longestWait { throw error }
      (seconds, reason) = (Double(asked), "the hub asks to wait")
    case .unreachable(_, "no such host"), .unreachable(_, "connection refused"): throw error
    case .unreachable where attempt > 1: throw error
    default: break
    }
    waiting(seconds, reason)
    try await Task.sleep(for: .seconds(seconds))
  }

  // MARK: - Refusals

  private func noModel(_ name: HubName) -> HubError {
    .noModel(name: name.id, endpoint: settings.endpoint, hasToken: settings.token != nil)
  }

  private func failure(_ response: HTTPURLResponse, _ name: HubName, file: String?) -> HubError {
    func field(_ name: String) -> String { response.value(forHTTPHeaderField: name) ?? "" }
    let (status, message) = (response.statusCode, field("X-Error-Message"))
    let (endpoint, hasToken) = (settings.endpoint, settings.token != nil)
    let gated = HubError.gated(name: name.id, endpoint: endpoint, hasToken: hasToken)
    switch (field("X-Error-Code"), status) {
    case ("GatedRepo", _): return gated
    case ("RevisionNotFound", _):
      return .noRevision(name: name.id, revision: name.wantedRevision, endpoint: endpoint)
    case ("EntryNotFound", _):
      return .noFile(name: name.id, file: file ?? "", revision: name.wantedRevision)
    case ("RepoNotFound", _): return noModel(name)
    case (_, 401): return hasToken ? .badToken(endpoint: endpoint) : noModel(name)
    case (_, 403):
      return message.isEmpty
        ? gated : .refused(url: "\(endpoint)/\(name.id)", status: status, message: message)
    case (_, 404):
      return file.map { .noFile(name: name.id, file: $0, revision: name.wantedRevision) }
        ?? noModel(name)
    case (_, 429): return .tooMany(endpoint: endpoint, seconds: Self.retryAfter(response))
    default:
      let url = response.url?.absoluteString.split(separator: "?").first.map(String.init)
      return .refused(url: url ?? endpoint, status: status, message: message)
    }
  }

  /// Seconds or a date (RFC 9110 section 10.2.3); nil where the hub does not say.
  private static func retryAfter(_ response: HTTPURLResponse) -> Int? {
    guard let text = response.value(forHTTPHeaderField: "Retry-After") else { return nil }
    if let seconds = Int(text) { return max(0, seconds) }
    let format = DateFormatter()
    format.locale = Locale(identifier: "en_US_POSIX")
    format.dateFormat = "EEE, dd MMM yyyy HH:mm:ss zzz"
    return format.date(from: text).map { max(0, Int($0.timeIntervalSinceNow.rounded(.up))) }
  }

  // MARK: - Names

  private func resolveURL(_ path: String, _ name: HubName, commit: String) throws -> URL {
    try url("/\(name.id)/resolve/\(commit)/\(Self.encoded(path, keepsSlash: true))")
  }

  private func url(_ path: String) throws -> URL {
    guard let url = URL(string: settings.endpoint + path), url.host != nil,
      ["http", "https"].contains(url.scheme ?? "")
    else {
      throw HubError.noHub(
        url: settings.endpoint, problem: "HF_ENDPOINT is no http or https address")
    }
    return url
  }

  /// Percent-encoded but for unreserved characters (RFC 3986 section 2.3).
  private static func encoded(_ text: String, keepsSlash: Bool) -> String {
    text.utf8.reduce(into: "") { result, byte in
      let scalar = Unicode.Scalar(byte)
      let isPlain =
        (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
        || "-._~".unicodeScalars.contains(scalar) || keepsSlash && scalar == "/"
      result += isPlain ? String(Character(scalar)) : String(format: "%%%02X", byte)
    }
  }

  /// What an entity tag calls the bytes, where that can be a file's name.
  private static func bytesName(_ etag: String) -> String? {
    var text = etag.hasPrefix("W/") ? etag.dropFirst(2) : Substring(etag)
    if text.utf8.count > 1, text.utf8.first == UInt8(ascii: "\""),
      text.utf8.last == UInt8(ascii: "\"")
    {
      text = text.dropFirst().dropLast()
    }
    let isName = text.utf8.allSatisfy {
      (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0)
        || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_")
    }
    return isName && (1...128).contains(text.utf8.count) ? String(text) : nil
  }
}
