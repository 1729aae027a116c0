import Files
import Foundation

/// The one who downloads certain bytes: a lock on `.locks/MODEL/ETAG.lock`, as Python's filelock takes it (flock(2)). The system
/// gives it up when the process ends, however it ends.
final class BlobLock: Sendable {
  private let descriptor: Int32

  private init(_ descriptor: Int32) { self.descriptor = descriptor }

  deinit { close(descriptor) }

  /// Waits for the lock.
  /// - Parameter waiting: told once, where somebody else has it.
  /// - Throws: `FileError.unwritable`.
  static func take(_ path: String, waiting: () -> Void) async throws -> BlobLock {
    for attempt in 0... {
      let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o664)
      guard descriptor >= 0 else {
        throw FileError.unwritable(path: path, reason: String(cString: strerror(errno)))
      }
      let lock = BlobLock(descriptor)
      // A file system without locks has no owner to ask; names appear by rename there too.
      if flock(descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK {
        if attempt == 0 { waiting() }
        try await Task.sleep(for: .milliseconds(100))
        continue
      }
      // Who had it may have removed the file, and another may lock a new one of its name.
      var (ours, there) = (stat(), stat())
      if fstat(descriptor, &ours) == 0, stat(path, &there) == 0, ours.st_ino == there.st_ino {
        return lock
      }
    }
    throw CancellationError()
  }
}
