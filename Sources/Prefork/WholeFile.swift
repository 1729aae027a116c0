import Glibc

/// Writes small files whole or not at all: whoever reads the name finds the old text or the new one.
enum WholeFile {
  /// - Throws: `PreforkError.writing`.
  static func write(_ text: [UInt8], to path: String) throws(PreforkError) {
    let temporary = path + ".new"
    unlink(temporary)
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw .writing(path: path, code: errno) }
    let count = Glibc.write(descriptor, text, text.count)
    let code = count < 0 ? errno : ENOSPC
    close(descriptor)
    guard count == text.count else {
      unlink(temporary)
      throw .writing(path: path, code: code)
    }
    guard rename(temporary, path) == 0 else {
      let code = errno
      unlink(temporary)
      throw .writing(path: path, code: code)
    }
  }
}
