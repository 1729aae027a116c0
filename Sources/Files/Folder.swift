import Foundation

/// Folders that are made or replaced as a whole.
package enum Folder {
  /// Makes a folder and those above it, where they are missing.
  /// - Throws: `FileError.unwritable`.
  package static func make(_ path: String, mode: mode_t = 0o777) throws(FileError) {
    if mkdir(path, mode) == 0 { return }
    var code = errno
    let above = path.utf8.last == UInt8(ascii: "/") ? String(path.dropLast()) : path
    let parent = OutputFile.folder(of: above)
    if code == ENOENT, !parent.isEmpty, parent != path {
      try make(parent, mode: mode)
      code = mkdir(path, mode) == 0 ? 0 : errno
    }
    if code == 0 { return }
    var status = stat()
    let isThere = stat(path, &status) == 0
    if isThere && status.st_mode & S_IFMT == S_IFDIR { return }
    throw .unwritable(
      path: path, reason: isThere ? "it is there and is no folder" : String(cString: strerror(code))
    )
  }
}

/// A folder that is filled aside. Its files get their places together when all are whole, or go together.
package final class StagedFolder {
  /// Where to write.
  package let path: String
  private let target: String
  private var isOpen = true

  /// Begins a folder that is to become `target`, or to fill it.
  /// - Throws: `FileError.unwritable`.
  package init(for target: String) throws(FileError) {
    var target = target
    while target.utf8.count > 1, target.utf8.last == UInt8(ascii: "/") { target.removeLast() }
    self.target = target
    try Folder.make(OutputFile.folder(of: target) + ".")
    path = OutputFile.temporaryName(beside: target)
    let code = OutputFile.adding(path) { mkdir(path, 0o777) }
    if code != 0 { throw .unwritable(path: target, reason: FileError.systemReason) }
  }

  deinit { if isOpen { OutputFile.discard(path) } }

  /// Moves each file into the target, which is made where it is missing. What is there under the same name is replaced,
  /// those of `stale` that are not written anew go, all else stays.
  /// - Throws: `FileError.unwritable`.
  package func fill(stale: [String] = []) throws(FileError) {
    try Folder.make(target)
    let names = (try? FileManager.default.subpathsOfDirectory(atPath: path)) ?? []
    for name in names.sorted() {
      var status = stat()
      if lstat("\(path)/\(name)", &status) == 0, status.st_mode & S_IFMT == S_IFDIR {
        try Folder.make("\(target)/\(name)")
      } else if rename("\(path)/\(name)", "\(target)/\(name)") != 0 {
        throw .unwritable(path: "\(target)/\(name)", reason: FileError.systemReason)
      }
    }
    for name in stale where !names.contains(name) { unlink("\(target)/\(name)") }
    isOpen = false
    OutputFile.discard(path)
  }

  /// Takes the target's place; what was there goes.
  /// - Throws: `FileError.unwritable`, and what was there stays.
  package func replace() throws(FileError) {
    let old = OutputFile.temporaryName(beside: target)
    let isThere = rename(target, old) == 0
    guard rename(path, target) == 0 else {
      let reason = FileError.systemReason
      if isThere { rename(old, target) }
      throw .unwritable(path: target, reason: reason)
    }
    isOpen = false
    OutputFile.forget(path)
    if isThere { try? FileManager.default.removeItem(atPath: old) }
  }
}
