import Files
import Foundation
import JSON

/// The file of `--ready-file`, which tells scripts where a pool is reached, by which processes, and what it serves.
///
/// It is there while the pool serves: written, whole, when all workers of the first generation serve, anew whenever they
/// are others or a reload is refused, and removed at the end. While a new binary takes over (SIGUSR2) the file is the new one's.
package struct ReadyFile {
  private let path: String

  /// - Throws: `PreforkError.writing` if the file could not be written later, or is one that no daemon has written.
  package init(path: String) throws(PreforkError) {
    self.path = path
    var status = stat()
    if stat(path, &status) == 0, status.st_size > 0 || status.st_mode & S_IFMT != S_IFREG,
      owner == nil
    {
      throw .writing(path: path, reason: "it is there and is no ready file")
    }
    do throws(FileError) {
      _ = try OutputFile(path: path)
    } catch {
      throw PreforkError.of(error, path)
    }
  }

  /// Removes what a daemon that was killed has left, so that whoever waits for the file does not read of the dead.
  package func removeLeftover() {
    // The parent is the old binary, if this one takes over; it serves still.
    if owner != Int(getppid()) { unlink(path) }
  }

  /// Writes the file, whole or not at all.
  /// - Parameters:
  ///   - scheme: what is spoken on the pool's listeners: `http` or `https`.
  ///   - models: what is served.
  /// - Throws: `PreforkError.writing`.
  package func write(
    _ pool: ReadyPool, scheme: String = "http", models: [JSONValue] = []
  ) throws(PreforkError) {
    let json: JSONValue = [
      "addresses": .array(
        pool.listeners.map { Self.address($0, scheme, isAdmin: false) }
          + pool.adminListeners.map { Self.address($0, "http", isAdmin: true) }),
      "pids": [
        "arbiter": JSONValue(Int(pool.arbiter)),
        "workers": .array(pool.workers.map { JSONValue(Int($0)) }),
        "health": pool.companion.map { JSONValue(Int($0)) } ?? .null,
      ],
      "generation": JSONValue(Int(pool.generation)),
      "reloads": [
        "done": JSONValue(Int(pool.reloads.done)), "refused": JSONValue(Int(pool.reloads.refused)),
        "refusal": pool.reloads.refusal.isEmpty ? .null : JSONValue(pool.reloads.refusal),
      ],
      "models": .array(models),
    ]
    try PreforkError.write(json.serialized(pretty: true) + "\n", to: path)
  }

  /// Removes the file, unless it has become another's.
  package func remove() {
    if owner == Int(getpid()) { unlink(path) }
  }

  /// The arbiter that the file names.
  private var owner: Int? {
    guard let data = FileManager.default.contents(atPath: path),
      let json = try? JSONValue(parsing: Array(data))
    else { return nil }
    return json["pids"]?["arbiter"]?.intValue
  }

  private static func address(
    _ listener: ListeningSocket, _ scheme: String, isAdmin: Bool
  ) -> JSONValue {
    var object: JSONObject = ["scheme": JSONValue(scheme), "admin": JSONValue(isAdmin)]
    if listener.address.hasPrefix("unix:") {
      object["path"] = JSONValue(String(listener.address.dropFirst(5)))
    } else if let colon = listener.address.lastIndex(of: ":") {
      object["host"] = JSONValue(
        listener.address[..<colon].trimmingCharacters(in: CharacterSet(charactersIn: "[]")))
      object["port"] = JSONValue(Int(listener.address[colon...].dropFirst()) ?? 0)
      object["url"] = JSONValue("\(scheme)://\(listener.localAddress)")
    }
    return .object(object)
  }
}
