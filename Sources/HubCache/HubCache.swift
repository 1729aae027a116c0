import Files
import Foundation
import JSON

/// The cache of `huggingface_hub` on disk, which Python programs share.
///
///     models--ORGANISATION--NAME/refs/REVISION          the commit that a branch or tag was at
///     models--ORGANISATION--NAME/snapshots/COMMIT/FILE  a relative link to the file's bytes
///     models--ORGANISATION--NAME/blobs/ETAG             the bytes, once for all revisions
///     models--ORGANISATION--NAME/.no_exist/COMMIT/FILE  empty: the revision has no such file
///     models--ORGANISATION--NAME/trees/COMMIT.json      all files of the revision, where Python listed them
///     .locks/models--ORGANISATION--NAME/ETAG.lock       who downloads these bytes
package struct HubCache: Sendable {
  /// The folder.
  package let path: String

  static let prefix = "models--"

  /// The cache in a folder, which need not be there.
  package init(path: String) { self.path = path }

  /// The folder of a model.
  package func folder(_ name: HubName) -> String { "\(path)/\(Self.folderName(name))" }

  /// The folder of a model's locks.
  package func locks(_ name: HubName) -> String { "\(path)/.locks/\(Self.folderName(name))" }

  private static func folderName(_ name: HubName) -> String {
    prefix + name.id.split(byte: "/").joined(separator: "--")
  }

  /// The commit that the revision was at when it was last downloaded; nil where it was not.
  package func commit(_ name: HubName) -> String? {
    let revision = name.wantedRevision
    if HubName.isCommit(revision) { return revision }
    guard let data = FileManager.default.contents(atPath: "\(folder(name))/refs/\(revision)") else {
      return nil
    }
    let commit = String(decoding: data, as: UTF8.self).trimmingCharacters(
      in: .whitespacesAndNewlines)
    return HubName.isCommit(commit) ? commit : nil
  }

  /// The folder of a commit's files.
  package func snapshot(_ name: HubName, commit: String) -> String {
    "\(folder(name))/snapshots/\(commit)"
  }

  /// What is there of the revision; nil where nothing is.
  package func snapshot(_ name: HubName) -> HubSnapshot? {
    guard let commit = commit(name) else { return nil }
    let path = snapshot(name, commit: commit)
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    return HubSnapshot(path: path, commit: commit, repository: folder(name))
  }

  /// The model and the commit whose files stand in `directory`; nil where that is no snapshot of such a cache.
  package static func name(ofSnapshot directory: String) -> (name: HubName, commit: String)? {
    let path = URL(fileURLWithPath: directory).resolvingSymlinksInPath()
    let parts = Array(path.pathComponents.suffix(3))
    guard parts.count == 3, parts[1] == "snapshots", HubName.isCommit(parts[2]),
      let name = name(ofFolder: parts[0])
    else { return nil }
    return (name, parts[2])
  }

  /// The model whose folder this is; nil for another folder.
  static func name(ofFolder folder: String) -> HubName? {
    guard folder.hasPrefix(prefix) else { return nil }
    return HubName(String(folder.dropFirst(prefix.count)).replacing("--", with: "/"))
  }
}

/// The files of one commit of a model, as far as they are in the cache.
package struct HubSnapshot: Sendable {
  /// Its folder.
  package let path: String
  /// Which commit it is.
  package let commit: String
  /// The model's folder in the cache.
  let repository: String

  /// Names of the files that are there, relative to the folder.
  package var files: Set<String> {
    let names = (try? FileManager.default.subpathsOfDirectory(atPath: path)) ?? []
    return Set(names.filter { holds($0) })
  }

  private func holds(_ name: String) -> Bool {
    var status = stat()
    return stat("\(path)/\(name)", &status) == 0 && status.st_mode & S_IFMT == S_IFREG
  }

  /// Whether the model can be loaded from what is there, and nothing that would change its answers is left at the hub.
  ///
  /// Python downloads each file when it asks for it: a program that wanted hidden states alone leaves `modules.json` behind,
  /// without which embeddings would be pooled otherwise.
  package var state: State {
    let files = ModelFiles(files)
    guard files.canBeLoaded(from: path) else { return .partial }
    return files.deciding(in: path).allSatisfy { holds($0) || isAbsent($0) } ? .whole : .loadable
  }

  /// - Throws: `HubError.noWeights` where all of the model is here, but for weights that could be read.
  package func checkWeights(of name: HubName) throws(HubError) {
    let files = ModelFiles(files)
    if files.names.contains("config.json") && files.hasTokenizer(in: path) {
      try files.checkHasWeights(of: name.id)
    }
  }

  /// How much of a model is in the cache.
  package enum State: Sendable {
    /// All that it needs.
    case whole
    /// Enough to load it, but the hub may have files that change its answers.
    case loadable
    /// Not enough.
    case partial
  }

  /// Whether the revision is known to have no file of this name.
  private func isAbsent(_ name: String) -> Bool {
    if FileManager.default.fileExists(atPath: "\(repository)/.no_exist/\(commit)/\(name)") {
      return true
    }
    guard let data = FileManager.default.contents(atPath: "\(repository)/trees/\(commit).json"),
      let tree = try? JSONValue(parsing: data, limits: JSONLimits(fileBytes: data.count)),
      let files = tree["files"]?.objectValue
    else { return false }
    return files[name] == nil
  }
}
