import Foundation
import JSON
import Synchronization

/// A hub of our own for tests: the paths and fields of a Hugging Face hub, on a free loopback port, with each of its faults. Large
/// files are on a second port, which stands for another host.
package final class SmallHub: Sendable {
  /// What came.
  package struct Request: Sendable {
    package let method: String
    /// Path and query, as sent.
    package let target: String
    /// Fields by lower-case name.
    package let fields: [String: String]
    /// Whether it came to the host of large files.
    package let isStorage: Bool
    /// Whether it came as to a proxy.
    package let isProxied: Bool
  }

  /// What becomes of an answer.
  package enum Fault: Sendable {
    /// This in its place.
    case status(Int, [String: String] = [:])
    /// The connection ends after so many bytes of the body.
    case cut(after: Int)
    /// The first byte of the body is another.
    case changed
    /// As though no part had been asked for.
    case whole
    /// A revision that does not list its files.
    case withoutFiles
    /// The fields without those of these names, and with these.
    case fields(without: [String] = [], with: [String: String] = [:])
  }

  private struct State: Sendable {
    var models: [String: [String: SmallHubRevision]] = [:]
    var requests: [Request] = []
    var fault: @Sendable (Request, Int) -> Fault? = { _, _ in nil }
  }

  private let state = Mutex(State())
  private let own: SmallHubListener
  private let storage: SmallHubListener

  /// Starts to answer.
  package init(port: UInt16 = 0) throws {
    own = try SmallHubListener(port: port)
    storage = try SmallHubListener(port: 0)
    own.answer { [weak self] in self?.answer($0, isStorage: false) ?? SmallHubAnswer(503) }
    storage.answer { [weak self] in self?.answer($0, isStorage: true) ?? SmallHubAnswer(503) }
  }

  deinit {
    own.stop()
    storage.stop()
  }

  /// What `HF_ENDPOINT` is to be.
  package var endpoint: String { "http://127.0.0.1:\(own.port)" }

  /// Everything that was asked.
  package var requests: [Request] { state.withLock(\.requests) }

  /// Forgets what was asked.
  package func forgetRequests() { state.withLock { $0.requests = [] } }

  /// From now on, `fault` says what becomes of a request; it is told how many such requests (method and path) came before.
  package func setFault(_ fault: @escaping @Sendable (Request, Int) -> Fault?) {
    state.withLock { $0.fault = fault }
  }

  /// Gives a model a revision with these files; those above `SmallHubRevision.largeSize` bytes are large ones.
  /// - Returns: its commit.
  @discardableResult
  package func add(
    _ name: String, _ revision: String = "main", files: [String: [UInt8]]
  ) -> String {
    let made = SmallHubRevision(name, files)
    state.withLock { $0.models[name, default: [:]][revision] = made }
    return made.commit
  }

  /// The same with the files of a directory.
  @discardableResult
  package func add(
    _ name: String, _ revision: String = "main", directory: String, except: Set<String> = []
  ) throws -> String {
    var files: [String: [UInt8]] = [:]
    for path in try FileManager.default.subpathsOfDirectory(atPath: directory)
    where !except.contains(path) {
      var isFolder: ObjCBool = false
      _ = FileManager.default.fileExists(atPath: "\(directory)/\(path)", isDirectory: &isFolder)
      if isFolder.boolValue { continue }
      files[path] = FileManager.default.contents(atPath: "\(directory)/\(path)").map(Array.init)
    }
    return add(name, revision, files: files)
  }

  // MARK: - Answers

  private func answer(_ message: SmallHubMessage, isStorage: Bool) -> SmallHubAnswer {
    // A proxy is asked for a whole address.
    let isProxied = message.target.hasPrefix("http://")
    let target = message.target.split(separator: "/", maxSplits: isProxied ? 2 : 0)
    let request = Request(
      method: message.method, target: isProxied ? "/" + (target.last ?? "") : message.target,
      fields: message.fields, isStorage: isStorage, isProxied: isProxied)
    let (fault, models) = state.withLock { state in
      let before = state.requests.count {
        $0.method == request.method && $0.target == request.target && $0.isStorage == isStorage
      }
      state.requests.append(request)
      return (state.fault(request, before), state.models)
    }
    if case .status(let status, let fields)? = fault {
      return SmallHubAnswer(status, fields: fields)
    }
    var answer =
      isStorage ? Self.stored(request, models) : Self.found(request, models, storage: storage.port)
    if case .whole? = fault {} else { answer.takePart(of: request.fields["range"]) }
    switch fault {
    case .cut(let count): answer.sent = count
    case .withoutFiles:
      if var object = try? JSONValue(parsing: answer.body).objectValue {
        object["siblings"] = nil
        answer.body = JSONValue.object(object).serializedBytes()
      }
    case .changed: if !answer.body.isEmpty { answer.body[0] ^= 0xFF }
    case .fields(let without, let with):
      answer.fields = answer.fields.filter { !without.contains($0.key) }.merging(with) { $1 }
    default: break
    }
    return answer
  }

  private static func stored(
    _ request: Request, _ models: [String: [String: SmallHubRevision]]
  ) -> SmallHubAnswer {
    let digest = request.target.dropFirst()
    for revision in models.values.flatMap(\.values) {
      for (name, bytes) in revision.files where revision.etag(name) == digest {
        return SmallHubAnswer(200, fields: ["ETag": "\"storage\""], body: bytes)
      }
    }
    return SmallHubAnswer(403)
  }

  private static func refusal(_ code: String, _ status: Int = 404) -> SmallHubAnswer {
    SmallHubAnswer(status, fields: ["X-Error-Code": code, "X-Error-Message": code])
  }

  private static func found(
    _ request: Request, _ models: [String: [String: SmallHubRevision]], storage: UInt16
  ) -> SmallHubAnswer {
    let path = String(request.target.prefix { $0 != "?" })
    let isAPI = path.hasPrefix("/api/models/")
    let parts = path.dropFirst(isAPI ? "/api/models/".count : 1).split(separator: "/")
      .map { $0.removingPercentEncoding ?? "" }
    let verbs: Set = isAPI ? ["revision", "tree"] : ["resolve"]
    guard let place = parts.firstIndex(where: verbs.contains), place + 1 < parts.count else {
      let isThere = isAPI && models[parts.joined(separator: "/")] != nil
      return isThere ? SmallHubAnswer(200, json: [:]) : refusal("RepoNotFound", 401)
    }
    let name = parts[..<place].joined(separator: "/")
    guard let revisions = models[name] else { return refusal("RepoNotFound", 401) }
    let wanted = parts[place + 1]
    guard let revision = revisions[wanted] ?? revisions.values.first(where: { $0.commit == wanted })
    else { return refusal("RevisionNotFound") }
    switch parts[place] {
    case "revision": return SmallHubAnswer(200, json: revision.description)
    case "tree": return SmallHubAnswer(200, json: revision.tree)
    default: break
    }
    let file = parts[(place + 2)...].joined(separator: "/")
    guard let bytes = revision.files[file] else {
      var answer = refusal("EntryNotFound")
      answer.fields["X-Repo-Commit"] = revision.commit
      return answer
    }
    let etag = revision.etag(file)
    guard revision.isLarge(file) else {
      return SmallHubAnswer(
        200, fields: ["X-Repo-Commit": revision.commit, "ETag": "\"\(etag)\""], body: bytes)
    }
    return SmallHubAnswer(
      302,
      fields: [
        "X-Repo-Commit": revision.commit, "X-Linked-Etag": "\"\(etag)\"",
        "X-Linked-Size": "\(bytes.count)", "Location": "http://localhost:\(storage)/\(etag)",
      ])
  }
}
