import Files
import Foundation

/// One revision of a model in the cache.
package struct CachedModel: Sendable {
  /// Its name; with a revision where it is not the main one.
  package let name: HubName
  /// Its files.
  package let snapshot: HubSnapshot
  /// Branches, tags and pull requests that are at this commit.
  package let references: [String]
  /// Bytes of the files, each once though several names stand for it.
  package let bytes: Int
}

extension HubCache {
  /// Every revision that is in the cache, by name.
  package func models() -> [CachedModel] {
    let folders = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    return folders.sorted().compactMap(Self.name(ofFolder:)).flatMap(models)
  }

  /// The revisions of one model, the main one first.
  package func models(_ name: HubName) -> [CachedModel] {
    let references = references(name)
    let commits =
      (try? FileManager.default.contentsOfDirectory(atPath: folder(name) + "/snapshots")) ?? []
    return commits.filter(HubName.isCommit).map { commit in
      let own = references.filter { $0.value == commit }.keys.sorted()
      let isMain = own.contains(HubName.mainRevision)
      let revision = isMain ? "" : "@" + (own.first ?? commit)
      let snapshot = HubSnapshot(
        path: snapshot(name, commit: commit), commit: commit, repository: folder(name))
      return CachedModel(
        name: HubName(name.id + revision) ?? name, snapshot: snapshot, references: own,
        bytes: snapshot.blobs.values.reduce(0, +))
    }.sorted { ($0.name.revision ?? "") < ($1.name.revision ?? "") }
  }

  /// The commit that each branch, tag and pull request was at.
  private func references(_ name: HubName) -> [String: String] {
    let names = (try? FileManager.default.subpathsOfDirectory(atPath: folder(name) + "/refs")) ?? []
    return names.reduce(into: [:]) { found, reference in
      guard let whole = HubName("\(name.id)@\(reference)") else { return }
      found[reference] = commit(whole)
    }
  }

  /// Deletes a model, or one revision of it where `name` has one, with the bytes that no other revision has.
  ///
  /// - Returns: how many bytes that were.
  /// - Throws: `HubError.notCached` or `.inUse`, `FileError.unwritable`.
  package func remove(_ name: HubName) throws -> Int {
    let all = models(name)
    let gone = name.revision == nil ? all : all.filter { $0.snapshot.commit == commit(name) }
    let isThere = FileManager.default.fileExists(atPath: folder(name))
    guard isThere, name.revision == nil || !gone.isEmpty else {
      throw HubError.notCached(
        name: "\(name)", cache: path, there: (all.isEmpty ? models() : all).map { "\($0.name)" })
    }
    if isLocked(name) { throw HubError.inUse(name: name.id) }
    let manager = FileManager.default
    let before = bytes(name)
    if gone.count == all.count {
      // It has another name first: a model that is deleted in part would be taken for whole.
      let aside = "\(path)/.martlet-\(UInt64.random(in: .min ... .max)).deleted"
      guard rename(folder(name), aside) == 0 else {
        throw FileError.unwritable(
          path: folder(name), reason: String(cString: strerror(errno)))
      }
      try manager.removeItem(atPath: aside)
      try? manager.removeItem(atPath: locks(name))
      return before
    }
    for (reference, commit) in references(name)
    where gone.contains(where: { $0.snapshot.commit == commit }) {
      try manager.removeItem(atPath: "\(folder(name))/refs/\(reference)")
    }
    let kept = all.filter { other in !gone.contains { $0.snapshot.commit == other.snapshot.commit }
    }
    .reduce(into: Set<String>()) { $0.formUnion($1.snapshot.blobs.keys) }
    for model in gone {
      let blobs = model.snapshot.blobs.keys.filter { !kept.contains($0) }
      try manager.removeItem(atPath: model.snapshot.path)
      try? manager.removeItem(atPath: "\(folder(name))/.no_exist/\(model.snapshot.commit)")
      try? manager.removeItem(atPath: "\(folder(name))/trees/\(model.snapshot.commit).json")
      for blob in blobs where blob.hasPrefix(folder(name) + "/blobs/") {
        try manager.removeItem(atPath: blob)
      }
    }
    return before - bytes(name)
  }

  /// Bytes of all files of a model, links left out.
  private func bytes(_ name: HubName) -> Int {
    let names = (try? FileManager.default.subpathsOfDirectory(atPath: folder(name))) ?? []
    return names.reduce(0) { sum, file in
      var status = stat()
      guard lstat("\(folder(name))/\(file)", &status) == 0, status.st_mode & S_IFMT == S_IFREG
      else { return sum }
      return sum + Int(status.st_size)
    }
  }

  /// Whether somebody downloads bytes of the model.
  private func isLocked(_ name: HubName) -> Bool {
    let locks = locks(name)
    let names = (try? FileManager.default.contentsOfDirectory(atPath: locks)) ?? []
    return names.contains { file in
      let descriptor = open("\(locks)/\(file)", O_RDWR | O_CLOEXEC)
      guard descriptor >= 0 else { return false }
      defer { close(descriptor) }
      return flock(descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK
    }
  }
}

extension HubSnapshot {
  /// The files behind the names, with their bytes.
  var blobs: [String: Int] {
    files.reduce(into: [:]) { blobs, name in
      let file = "\(path)/\(name)"
      var status = stat()
      guard stat(file, &status) == 0 else { return }
      let link = try? FileManager.default.destinationOfSymbolicLink(atPath: file)
      let folder = URL(fileURLWithPath: file).deletingLastPathComponent().path
      let target = link.map { URL(fileURLWithPath: "\(folder)/\($0)").standardizedFileURL.path }
      blobs[target ?? file] = Int(status.st_size)
    }
  }
}
