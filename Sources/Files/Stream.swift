import Glibc

/// Whole writes to open descriptors.
enum Stream {
  /// Writes all of `bytes`, however often the system takes a part.
  /// - Throws: `FileError.outputClosed` where the reader has gone, or `.unwritable`.
  static func write(_ bytes: [UInt8], to descriptor: Int32, path: String) throws(FileError) {
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes { all in
        Glibc.write(descriptor, all.baseAddress.map { $0 + sent }, all.count - sent)
      }
      if count >= 0 {
        sent += count
        continue
      }
      switch errno {
      case EINTR: continue
      case EAGAIN:
        // A terminal that another program has made non-blocking.
        var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        poll(&waiting, 1, -1)
      case EPIPE: throw .outputClosed
      default: throw .unwritable(path: path, reason: FileError.systemReason)
      }
    }
  }
}
