import Foundation

/// A file or standard output, written in pieces.
public final class OutputFile {
  private let path: String
  private let descriptor: Int32
  private var buffer: [UInt8] = []
  private static let pieceSize = 1 << 16

  /// Opens `path`, `-` for standard output; a file is made or emptied.
  ///
  /// - Throws: `RecordError.unreadable`.
  public init(path: String) throws(RecordError) {
    self.path = path
    descriptor = path == "-" ? STDOUT_FILENO : open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    if descriptor < 0 {
      throw .unreadable(path: path, reason: String(cString: strerror(errno)))
    }
  }

  deinit { if descriptor != STDOUT_FILENO { close(descriptor) } }

  /// Adds bytes.
  ///
  /// - Throws: `RecordError.outputClosed` where a pipe's reader has gone, or `.unreadable`.
  public func write(_ bytes: some Sequence<UInt8>) throws(RecordError) {
    buffer += bytes
    if buffer.count >= Self.pieceSize { try flush() }
  }

  /// Hands over what is held.
  public func flush() throws(RecordError) {
    var sent = 0
    while sent < buffer.count {
      let count = buffer.withUnsafeBytes { bytes in
        Glibc.write(descriptor, bytes.baseAddress.map { $0 + sent }, bytes.count - sent)
      }
      if count < 0 {
        if errno == EINTR { continue }
        if errno == EPIPE { throw .outputClosed }
        throw .unreadable(path: path, reason: String(cString: strerror(errno)))
      }
      sent += count
    }
    buffer.removeAll(keepingCapacity: true)
  }

  /// Writes `bytes` over the file's beginning.
  ///
  /// - Throws: `RecordError.unreadable` for what is no file.
  public func rewriteStart(_ bytes: [UInt8]) throws(RecordError) {
    try flush()
    let count = bytes.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, 0) }
    if count != bytes.count {
      throw .unreadable(path: path, reason: "is not a file whose beginning can be written again")
    }
  }
}
