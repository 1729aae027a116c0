import COpenSSL
import Files
import Foundation
import HubCache
import Synchronization

/// The bytes of one file while they come: `ETAG.incomplete`, which a later attempt continues.
final class BlobFile: Sendable {
  /// Where they stand.
  let path: String
  private let descriptor: Int32
  private let length: Mutex<Int>

  /// Opens what an attempt before has left, or a new file.
  /// - Throws: `FileError.unwritable`.
  init(_ path: String) throws(FileError) {
    self.path = path
    descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o666)
    guard descriptor >= 0 else { throw .unwritable(path: path, reason: Self.systemReason) }
    var status = stat()
    fstat(descriptor, &status)
    length = Mutex(Int(status.st_size))
  }

  deinit { close(descriptor) }

  private static var systemReason: String { String(cString: strerror(errno)) }

  /// How many bytes there are.
  var count: Int { length.withLock { $0 } }

  /// Forgets all that came.
  func restart() {
    length.withLock { length in
      _ = ftruncate(descriptor, 0)
      length = 0
    }
  }

  /// Adds bytes at the end.
  /// - Throws: `HubError.noSpace` or `FileError.unwritable`.
  func append(_ data: Data) throws {
    try length.withLock { length in
      try data.withUnsafeBytes { (bytes: UnsafeRawBufferPointer) in
        var written = 0
        while written < bytes.count {
          let count = pwrite(
            descriptor, bytes.baseAddress?.advanced(by: written), bytes.count - written,
            off_t(length))
          if count < 0 && errno == EINTR { continue }
          guard count > 0 else {
            if [ENOSPC, EDQUOT].contains(errno) {
              throw HubError.noSpace(path: path, needed: bytes.count - written, free: 0)
            }
            throw FileError.unwritable(path: path, reason: Self.systemReason)
          }
          written += count
          length += count
        }
      }
    }
  }

  /// Why these are not the bytes that `etag` names; nil where they are, or where it does not say.
  ///
  /// 64 digits are the SHA-256 of a large file, 40 are git's SHA-1 of a small one with its length before it; some caches between
  /// here and the hub name small files by the plain SHA-1.
  /// - Throws: `FileError.unreadable`.
  func fault(_ etag: String) throws -> String? {
    if HubName.isHexadecimal(etag, count: 64) {
      let found = try digest(EVP_sha256(), prefix: "")
      return found == etag ? nil : "SHA-256 is \(found), not \(etag)"
    }
    guard HubName.isHexadecimal(etag, count: 40) else { return nil }
    if try digest(EVP_sha1(), prefix: "blob \(count)\0") == etag { return nil }
    let found = try digest(EVP_sha1(), prefix: "")
    return found == etag ? nil : "SHA-1 is \(found), not \(etag)"
  }

  private func digest(_ kind: OpaquePointer?, prefix: String) throws -> String {
    guard let context = EVP_MD_CTX_new() else {
      throw FileError.unreadable(path: path, reason: "memory is too short")
    }
    defer { EVP_MD_CTX_free(context) }
    EVP_DigestInit_ex(context, kind, nil)
    let start = Array(prefix.utf8)
    EVP_DigestUpdate(context, start, start.count)
    var piece = [UInt8](repeating: 0, count: 1 << 20)
    var offset = 0
    while true {
      let got = pread(descriptor, &piece, piece.count, off_t(offset))
      if got < 0 && errno == EINTR { continue }
      guard got >= 0 else { throw FileError.unreadable(path: path, reason: Self.systemReason) }
      if got == 0 { break }
      EVP_DigestUpdate(context, piece, got)
      offset += got
    }
    var (result, size) = ([UInt8](repeating: 0, count: 64), UInt32(0))
    EVP_DigestFinal_ex(context, &result, &size)
    return result.prefix(Int(size)).map { String(format: "%02x", $0) }.joined()
  }

  /// Gives the bytes their name.
  /// - Throws: `HubError.noSpace` or `FileError.unwritable`.
  func finish(as name: String) throws {
    // A full disk may be reported only here, and a name must not survive a power cut that its bytes did not.
    if fsync(descriptor) != 0, ![EINVAL, ENOSYS].contains(errno) {
      if [ENOSPC, EDQUOT].contains(errno) {
        throw HubError.noSpace(path: path, needed: count, free: 0)
      }
      throw FileError.unwritable(path: path, reason: Self.systemReason)
    }
    guard rename(path, name) == 0 else {
      throw FileError.unwritable(path: name, reason: Self.systemReason)
    }
  }
}
