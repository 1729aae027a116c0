import Glibc

/// The one owner of a folder, for as long as this lives. The system gives it up when the process ends, however it ends.
package final class FolderLock: Sendable {
  private let descriptor: Int32

  /// Takes `folder`, which must be there. A process that is about to end is given two seconds.
  ///
  /// - Throws: `FileError.inUse` where another process has it; `.unreadable` where it cannot be opened.
  package init(_ folder: String) throws(FileError) {
    descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw .unreadable(path: folder, reason: FileError.systemReason)
    }
    for attempt in 0... {
      // A file system without locks for folders has no owner to ask.
      if flock(descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK { return }
      if attempt == 20 {
        close(descriptor)
        throw .inUse(path: folder)
      }
      usleep(100_000)
    }
  }

  deinit { close(descriptor) }
}
