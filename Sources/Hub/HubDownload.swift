import Files
import Foundation
import HubCache
import JSON

#if canImport(FoundationNetworking)
  import FoundationNetworking
#endif

/// Brings a model from a hub into the cache, several files at once.
///
/// Each file's bytes get their name when they are whole and are what the hub says; a revision's reference is written when all files
/// are there. So what is in the cache is whole at each moment, and a download that broke goes on where it was.
package struct HubDownload: Sendable {
  /// What is to be brought.
  package enum Part: Sendable {
    /// What serving the model needs.
    case model
    /// The same without weights.
    case settings
    /// The files that fit one of these patterns, and nothing else.
    case files([String])
  }

  /// What a user may want to see.
  package enum Event: Sendable {
    /// So many files and bytes are to come, more than before.
    case planned(files: Int, bytes: Int)
    /// Bytes came, or as many went.
    case received(Int)
    /// A file is whole.
    case finished
    /// Nothing happens for so many seconds, and why.
    case waiting(Double, String)
    /// Another process downloads what is wanted here.
    case locked
  }

  /// What is there in the end.
  package struct Outcome: Sendable {
    /// The folder of the files.
    package let path: String
    /// The commit.
    package let commit: String
    /// Files that were not there before.
    package var files = 0
    /// Their bytes.
    package var bytes = 0
  }

  /// Exchanges at a time.
  static let connections = 8
  /// Bytes of one request: what the session holds when the disk is slower than the network.
  private static let pieceSize = 1 << 26
  private static let attempts = 5

  private let cache: HubCache
  private let name: HubName
  private let part: Part
  private let client: HubClient
  private let report: @Sendable (Event) -> Void
  private let check: @Sendable (String) throws -> Void

  /// Prepares a download.
  /// - Parameters:
  ///   - check: is given the folder when settings are there and weights are not; what it throws ends the download.
  ///   - report: is told how it goes, on any thread.
  package init(
    _ name: HubName, _ part: Part, settings: HubSettings,
    check: @escaping @Sendable (String) throws -> Void,
    report: @escaping @Sendable (Event) -> Void
  ) {
    (self.name, self.part, self.report, self.check) = (name, part, report, check)
    cache = HubCache(path: settings.cache)
    client = HubClient(settings: settings, transport: HubTransport()) {
      report(.waiting($0, $1))
    }
  }

  /// Downloads what is missing.
  /// - Throws: `HubError`, `FileError`, or what `check` throws.
  package func run() async throws -> Outcome {
    defer { client.transport.close() }
    let revision = try await client.revision(name)
    let folder = cache.snapshot(name, commit: revision.commit)
    var outcome = Outcome(path: folder, commit: revision.commit)
    func read(_ file: String) -> Data? { FileManager.default.contents(atPath: "\(folder)/\(file)") }
    func bring(_ files: [String]) async throws { try await fetch(files, &outcome) }

    if case .files(let patterns) = part {
      let wanted = revision.files.filter { file in patterns.contains { Self.fits(file, $0) } }
      guard !wanted.isEmpty else {
        throw HubError.nothingIncluded(name: name.id, patterns: patterns)
      }
      try prepare()
      try await bring(wanted.sorted())
      try writeReference(revision.commit)
      return outcome
    }
    let files = ModelFiles(revision.files)
    var hasWeights = true
    if case .settings = part { hasWeights = false }
    if hasWeights { try files.checkHasWeights(of: name.id) }
    try prepare()
    try await bring([ModelFiles.modules].filter(revision.files.contains))
    let folders = files.folders(read)
    try await bring(files.settings(in: folders))
    if hasWeights {
      let weights = try files.weights(in: folders, of: name.id, read)
      if !revision.files.contains(ModelFiles.adapter) { try check(folder) }
      try await bring(weights)
    }
    try writeAbsent(files.missingSettings(in: folders), commit: revision.commit)
    try writeReference(revision.commit)
    return outcome
  }

  /// Whether a name fits a pattern of the shell, in which `*` stands for `/` as well, as in Python's fnmatch.
  private static func fits(_ file: String, _ pattern: String) -> Bool {
    fnmatch(pattern.hasSuffix("/") ? pattern + "*" : pattern, file, 0) == 0
  }

  // MARK: - The cache's folders

  private func prepare() throws(FileError) {
    for folder in ["blobs", "refs", "snapshots"] {
      try Folder.make("\(cache.folder(name))/\(folder)")
    }
    try Folder.make(cache.locks(name))
    // Backup programs leave out what bears this tag (bford.info/cachedir).
    let tag = cache.path + "/CACHEDIR.TAG"
    if !FileManager.default.fileExists(atPath: tag) {
      try? OutputFile.write("Signature: 8a477f597d28d172789f06886806bc55\n", to: tag)
    }
  }

  private func writeReference(_ commit: String) throws(FileError) {
    let revision = name.wantedRevision
    guard revision != commit, cache.commit(name) != commit else { return }
    let path = "\(cache.folder(name))/refs/\(revision)"
    try Folder.make(Self.parent(path))
    try OutputFile.write(commit, to: path)
  }

  /// Remembers which files there are not, as Python does when it has asked for one.
  private func writeAbsent(_ files: [String], commit: String) throws(FileError) {
    for file in files {
      let path = "\(cache.folder(name))/.no_exist/\(commit)/\(file)"
      if FileManager.default.fileExists(atPath: path) { continue }
      try Folder.make(Self.parent(path))
      try OutputFile.write("", to: path)
    }
  }

  private static func parent(_ path: String) -> String {
    URL(fileURLWithPath: path).deletingLastPathComponent().path
  }

  // MARK: - Files

  private func blob(_ file: HubClient.File) -> String {
    "\(cache.folder(name))/blobs/\(file.etag)"
  }

  private static func size(_ path: String) -> Int? {
    var status = stat()
    return stat(path, &status) == 0 ? Int(status.st_size) : nil
  }

  /// Whether all bytes of a file are there.
  private func isThere(_ file: HubClient.File) -> Bool {
    Self.size(blob(file)).map { $0 == file.size ?? $0 } ?? false
  }

  private func fetch(_ names: [String], _ outcome: inout Outcome) async throws {
    let commit = outcome.commit
    let files = try await concurrently(names) { try await client.file($0, name, commit: commit) }
    let missing = files.filter { !isThere($0) }
    let bytes = missing.reduce(0) { sum, file in
      let (total, overflows) = sum.addingReportingOverflow(file.size ?? 0)
      return overflows ? .max : total
    }
    try checkSpace(bytes, missing)
    report(.planned(files: missing.count, bytes: bytes))
    _ = try await concurrently(missing) { try await download($0, commit: commit) }
    for file in files { try link(file, commit: commit) }
    outcome.files += missing.count
    outcome.bytes += bytes
  }

  /// `body` of each, a few at a time; the first error ends all.
  private func concurrently<Item: Sendable, Value: Sendable>(
    _ items: [Item], _ body: @escaping @Sendable (Item) async throws -> Value
  ) async throws -> [Value] {
    try await withThrowingTaskGroup(of: (Int, Value).self) { group in
      var (results, waiting) = ([Int: Value](), items.enumerated().makeIterator())
      func begin(_ next: (offset: Int, element: Item)?) {
        guard let next else { return }
        group.addTask { (next.offset, try await body(next.element)) }
      }
      for _ in 0..<Self.connections { begin(waiting.next()) }
      while let (index, value) = try await group.next() {
        results[index] = value
        begin(waiting.next())
      }
      return items.indices.compactMap { results[$0] }
    }
  }

  private func checkSpace(_ bytes: Int, _ files: [HubClient.File]) throws(HubError) {
    var system = statvfs()
    guard statvfs(cache.path, &system) == 0 else { return }
    let begun = files.reduce(0) { $0 + (Self.size(blob($1) + ".incomplete") ?? 0) }
    let (free, overflows) = Int(clamping: system.f_bavail)
      .multipliedReportingOverflow(by: Int(clamping: system.f_frsize))
    if !overflows && bytes - min(bytes, begun) > free {
      throw .noSpace(path: cache.path, needed: bytes, free: free)
    }
  }

  /// Makes the bytes whole, under the lock that Python takes as well.
  private func download(_ file: HubClient.File, commit: String) async throws {
    let path = blob(file)
    let lock = try await BlobLock.take("\(cache.locks(name))/\(file.etag).lock") {
      report(.locked)
    }
    defer { withExtendedLifetime(lock) {} }
    if isThere(file) { return report(.finished) }
    let begun = try BlobFile(path + ".incomplete")
    if begun.count > 0 { report(.received(begun.count)) }
    do {
      try await fill(begun, file, commit: commit)
      try begun.finish(as: path)
    } catch let error as HubError {
      // What can be continued stays, unless it fills the disk.
      switch error {
      case .wrongContent, .noSpace: unlink(begun.path)
      default: break
      }
      throw error
    }
    report(.finished)
  }

  /// Asks for bytes until they are those that the hub names. An attempt counts when it brought nothing.
  private func fill(_ begun: BlobFile, _ file: HubClient.File, commit: String) async throws {
    var (failures, isSecond) = (0, false)
    while true {
      let before = begun.count
      do {
        if before == 0 || file.size != before { try await attempt(begun, file, commit: commit) }
        guard begun.count == file.size ?? begun.count else {
          if let size = file.size, begun.count > size {
            restart(begun)
            throw HubError.wrongContent(file: file.name, problem: "more than \(size) bytes")
          }
          throw HubError.truncated(file: file.name, got: begun.count, wanted: file.size ?? 0)
        }
        guard let fault = try begun.fault(file.etag) else { return }
        restart(begun)
        throw HubError.wrongContent(file: file.name, problem: fault)
      } catch let error as HubError {
        if case .wrongContent = error {
          // What an attempt before had left may have been at fault.
          if isSecond { throw error }
          isSecond = true
          continue
        }
        guard error.isPassing else { throw error }
        failures = begun.count > before ? 0 : failures + 1
        if failures == Self.attempts { throw error }
        if begun.count == before { try await client.wait(error, attempt: failures) }
      }
    }
  }

  private func restart(_ begun: BlobFile) {
    report(.received(-begun.count))
    begun.restart()
  }

  /// One request for what is missing, or for a piece of it.
  private func attempt(_ begun: BlobFile, _ file: HubClient.File, commit: String) async throws {
    let offset = begun.count
    let rest = (file.size ?? 0) - offset
    let end = rest > Self.pieceSize ? offset + Self.pieceSize : nil
    let response = try await client.bytes(file, name, commit: commit, from: offset, to: end) {
      response, data in
      switch response.statusCode {
      case 200 where begun.count == offset && offset > 0:
        // The whole comes, though a part was asked for.
        restart(begun)
      case 200: break
      case 206:
        if begun.count == offset, !Self.begins(response, at: offset) {
          throw HubError.noHub(
            url: file.name, problem: "it answers with another part than was asked for")
        }
      default: return
      }
      try begun.append(data)
      report(.received(data.count))
    }
    if response.statusCode == 416 { restart(begun) }
    let isPiece = response.statusCode == 206 && end != nil
    if begun.count > offset, isPiece, let size = file.size, begun.count < size {
      try await attempt(begun, file, commit: commit)
    }
  }

  /// Whether `Content-Range` begins there (RFC 9110 section 14.4).
  private static func begins(_ response: HTTPURLResponse, at offset: Int) -> Bool {
    guard let text = response.value(forHTTPHeaderField: "Content-Range") else { return false }
    let digits = text.utf8.drop { !(48...57).contains($0) }.prefix { (48...57).contains($0) }
    return Int(String(decoding: digits, as: UTF8.self)) == offset
  }

  /// Puts a relative link to the bytes into the snapshot; the bytes themselves where there can be no links.
  private func link(_ file: HubClient.File, commit: String) throws(FileError) {
    let path = "\(cache.snapshot(name, commit: commit))/\(file.name)"
    let depth = file.name.utf8.count { $0 == UInt8(ascii: "/") } + 2
    let target = String(repeating: "../", count: depth) + "blobs/\(file.etag)"
    let present = try? FileManager.default.destinationOfSymbolicLink(atPath: path)
    if present == target { return }
    try Folder.make(Self.parent(path))
    var code: Int32 = 0
    let isMade = OutputFile.replace(path) { temporary in
      if symlink(target, temporary) == 0 { return true }
      code = errno
      return [EPERM, EOPNOTSUPP].contains(code) && rename(blob(file), temporary) == 0
    }
    if !isMade {
      throw .unwritable(path: path, reason: String(cString: strerror(code == 0 ? errno : code)))
    }
  }
}
