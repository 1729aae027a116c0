import CZlib

/// Unpacks gzip (RFC 1952), any number of members, a bounded piece at a time.
final class Gunzip {
  private let path: String
  private var stream = z_stream()
  private var input: [UInt8] = []
  private var taken = 0
  private var isBetweenMembers = false

  /// - Throws: `FileError.unreadable` where memory is short.
  init(path: String) throws(FileError) {
    self.path = path
    guard czlib_inflate_create(&stream, 1) == Z_OK else {
      throw .unreadable(path: path, reason: "memory is too short to unpack it")
    }
  }

  deinit { inflateEnd(&stream) }

  /// Takes the next packed bytes, when all before are unpacked.
  func give(_ bytes: [UInt8]) { (input, taken) = (bytes, 0) }

  /// Up to `limit` unpacked bytes; empty when more input is needed.
  /// - Throws: `FileError.unreadable` for what is no gzip.
  func unpack(atMost limit: Int) throws(FileError) -> [UInt8] {
    if isBetweenMembers {
      // gzip lets zeros follow the last member, as tapes have them.
      while taken < input.count, input[taken] == 0 { taken += 1 }
      if taken == input.count { return [] }
      inflateReset(&stream)
      isBetweenMembers = false
    }
    var code = Z_OK
    let output = [UInt8](unsafeUninitializedCapacity: limit) { room, count in
      input.withUnsafeMutableBufferPointer { packed in
        stream.next_in = packed.baseAddress.map { $0 + taken }
        stream.avail_in = UInt32(packed.count - taken)
        stream.next_out = room.baseAddress
        stream.avail_out = UInt32(room.count)
        code = inflate(&stream, Z_NO_FLUSH)
        taken = packed.count - Int(stream.avail_in)
      }
      count = room.count - Int(stream.avail_out)
    }
    guard code == Z_OK || code == Z_STREAM_END || code == Z_BUF_ERROR else { throw notWhole }
    isBetweenMembers = code == Z_STREAM_END
    if output.isEmpty && isBetweenMembers { return try unpack(atMost: limit) }
    return output
  }

  /// - Throws: `FileError.unreadable` where the last member has no end.
  func checkIsComplete() throws(FileError) {
    if !isBetweenMembers { throw notWhole }
  }

  private var notWhole: FileError { .unreadable(path: path, reason: "is not a whole gzip file") }
}
