import Glibc

/// A file, pipe or array, read as bytes or as lines. What is held is one piece and one line.
///
/// What begins with gzip's two bytes is unpacked on the way, and a byte order mark is dropped. A line
/// ends in LF or CRLF; the end is no part of it.
package final class ByteReader {
  /// As messages name it.
  package let path: String
  /// Bytes handed out.
  package private(set) var consumed = 0
  /// The number of the line that `line()` gave last, from 1.
  package private(set) var lineNumber = 0
  /// Longest line in bytes where nothing else is said.
  package static let longestRow = 1 << 26

  private let longestLine: Int
  private let descriptor: Int32
  private var memory: [UInt8] = []
  private var gunzip: Gunzip?
  private var hasBegun = false
  private var buffer: [UInt8] = []
  private var next = 0
  private static let pieceSize = 1 << 16

  /// Opens a file.
  /// - Parameter path: `-` for standard input.
  /// - Throws: `FileError.unreadable`.
  package init(path: String, longestLine: Int = longestRow) throws(FileError) {
    self.longestLine = longestLine
    if path == "-" {
      (self.path, descriptor) = ("standard input", STDIN_FILENO)
      return
    }
    let opened = open(path, O_RDONLY | O_CLOEXEC)
    guard opened >= 0 else {
      let reason = errno == ENOENT ? "no such file" : FileError.systemReason
      throw .unreadable(path: path, reason: reason)
    }
    (self.path, descriptor) = (path, opened)
    var status = stat()
    guard fstat(opened, &status) == 0, status.st_mode & S_IFMT != S_IFDIR else {
      throw .unreadable(path: path, reason: "is a directory")
    }
  }

  /// Reads what is in memory already.
  /// - Parameter name: as messages name it.
  package init(_ bytes: [UInt8], name: String, longestLine: Int = longestRow) {
    (path, descriptor, memory, self.longestLine) = (name, -1, bytes, longestLine)
  }

  deinit { if descriptor > STDIN_FILENO { close(descriptor) } }

  /// The bytes of a file that is read whole.
  /// - Throws: `FileError.unreadable`, where it is longer than `limit` bytes as well.
  package static func contents(of path: String, limit: Int) throws(FileError) -> [UInt8] {
    let reader = try ByteReader(path: path)
    var bytes: [UInt8] = []
    while try reader.fill() {
      bytes += reader.buffer
      if bytes.count > limit {
        throw .unreadable(path: reader.path, reason: "is longer than \(limit) bytes")
      }
    }
    return bytes
  }

  /// The next byte; nil at the end.
  @inline(__always)
  package func byte() throws(FileError) -> UInt8? {
    if next == buffer.count { guard try fill() else { return nil } }
    next += 1
    consumed += 1
    return buffer[next - 1]
  }

  /// The byte that `byte()` will give.
  package func peek() throws(FileError) -> UInt8? {
    if next == buffer.count { guard try fill() else { return nil } }
    return buffer[next]
  }

  /// The bytes up to the next line end, which is left off; nil at the end.
  /// - Throws: `FileError`, where the line is too long as well.
  package func line() throws(FileError) -> [UInt8]? {
    guard try peek() != nil else { return nil }
    lineNumber += 1
    var line: [UInt8] = []
    while try peek() != nil {
      let end = buffer[next...].firstIndex(of: UInt8(ascii: "\n"))
      line += buffer[next..<(end ?? buffer.count)]
      let behind = end.map { $0 + 1 } ?? buffer.count
      consumed += behind - next
      next = behind
      if line.count > longestLine { throw tooLong(lineNumber) }
      if end != nil {
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        break
      }
    }
    return line
  }

  /// That the line is longer than is read.
  package func tooLong(_ line: Int) -> FileError {
    .lineTooLong(path: path, line: line, limit: longestLine)
  }

  // MARK: - Pieces

  private func fill() throws(FileError) -> Bool {
    if hasBegun {
      buffer = try unpackedPiece()
    } else {
      hasBegun = true
      let gzip = try beginning([0x1F, 0x8B], readPiece)
      if gzip.isMarked || endsInGzip { gunzip = try Gunzip(path: path) }
      memory = gzip.bytes + memory
      let text = try beginning([0xEF, 0xBB, 0xBF], unpackedPiece)
      buffer = text.isMarked ? Array(text.bytes.dropFirst(3)) : text.bytes
      if buffer.isEmpty { buffer = try unpackedPiece() }
    }
    next = 0
    return !buffer.isEmpty
  }

  private var endsInGzip: Bool { path.utf8.reversed().starts(with: "zg.".utf8) }

  /// Pieces until it is known whether they begin with `mark`.
  private func beginning(
    _ mark: [UInt8], _ piece: () throws(FileError) -> [UInt8]
  ) throws(FileError) -> (bytes: [UInt8], isMarked: Bool) {
    var bytes = try piece()
    while !bytes.isEmpty, bytes.count < mark.count, mark.starts(with: bytes) {
      let more = try piece()
      if more.isEmpty { break }
      bytes += more
    }
    return (bytes, bytes.starts(with: mark))
  }

  /// Empty at the end alone.
  private func unpackedPiece() throws(FileError) -> [UInt8] {
    guard let gunzip else { return try readPiece() }
    while true {
      let piece = try gunzip.unpack(atMost: Self.pieceSize)
      if !piece.isEmpty { return piece }
      let packed = try readPiece()
      if packed.isEmpty {
        try gunzip.checkIsComplete()
        return []
      }
      gunzip.give(packed)
    }
  }

  private func readPiece() throws(FileError) -> [UInt8] {
    if !memory.isEmpty || descriptor < 0 {
      defer { memory = [] }
      return memory
    }
    while true {
      var size = 0
      let piece = [UInt8](unsafeUninitializedCapacity: Self.pieceSize) { room, count in
        size = read(descriptor, room.baseAddress, room.count)
        count = max(0, size)
      }
      if size >= 0 { return piece }
      if errno == EAGAIN {
        var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        poll(&waiting, 1, -1)
      } else if errno != EINTR {
        throw .unreadable(path: path, reason: FileError.systemReason)
      }
    }
  }
}
