import Glibc

/// A file, pipe or array, read as bytes or as lines. What is held is one piece and one line.
///
/// What begins with gzip's two bytes is unpacked on the way, other encodings become UTF-8, and a byte order mark, which
/// tells UTF-16 as well, is dropped. A line ends in LF or CRLF; the end is no part of it.
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
  private let encoding: TextEncoding?
  private var transcoder = Transcoder(.utf8)
  private var replacesReturns = false
  private var hasBegun = false
  private var buffer: [UInt8] = []
  private var next = 0
  private static let pieceSize = 1 << 16

  /// Opens a file.
  /// - Parameters:
  ///   - path: `-` for standard input.
  ///   - encoding: nil for UTF-8, and for UTF-16 where a mark tells it.
  /// - Throws: `FileError.unreadable`.
  package init(
    path: String, longestLine: Int = longestRow, encoding: TextEncoding? = nil
  ) throws(FileError) {
    (self.longestLine, self.encoding) = (longestLine, encoding)
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
    encoding = nil
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
    buffer = try nextPiece()
    next = 0
    return !buffer.isEmpty
  }

  /// What comes next, as many bytes as there are up to `count`; none is taken.
  package func preview(_ count: Int) throws(FileError) -> ArraySlice<UInt8> {
    while buffer.count - next < count {
      let piece = try nextPiece()
      if piece.isEmpty { break }
      buffer = buffer[next...] + piece
      next = 0
    }
    return buffer[next...].prefix(count)
  }

  /// From here on a carriage return is a line feed, as old Macintosh programs end lines.
  package func replaceReturns() {
    replacesReturns = true
    buffer = buffer.map { $0 == 13 ? 10 : $0 }
  }

  /// Unpacked and in UTF-8; empty at the end alone.
  private func nextPiece() throws(FileError) -> [UInt8] {
    if !hasBegun {
      hasBegun = true
      let gzip = try beginning([[0x1F, 0x8B]], readPiece)
      if gzip.starts(with: [0x1F, 0x8B]) || endsInGzip { gunzip = try Gunzip(path: path) }
      memory = gzip + memory
      let text = try beginning([[0xEF, 0xBB, 0xBF], [0xFF, 0xFE], [0xFE, 0xFF]], unpackedPiece)
      let mark = TextEncoding.marked(text)
      transcoder = Transcoder(mark ?? encoding ?? .utf8)
      let piece = transcoder.utf8(Array(text.dropFirst(mark.map { $0 == .utf8 ? 3 : 2 } ?? 0)))
      if !piece.isEmpty { return piece }
    }
    while true {
      let raw = try unpackedPiece()
      let piece = transcoder.utf8(raw)
      if raw.isEmpty || !piece.isEmpty {
        return replacesReturns ? piece.map { $0 == 13 ? 10 : $0 } : piece
      }
    }
  }

  private var endsInGzip: Bool { path.utf8.reversed().starts(with: "zg.".utf8) }

  /// Pieces until it is known whether they begin with one of `marks`.
  private func beginning(
    _ marks: [[UInt8]], _ piece: () throws(FileError) -> [UInt8]
  ) throws(FileError) -> [UInt8] {
    var bytes = try piece()
    while !bytes.isEmpty,
      marks.contains(where: { bytes.count < $0.count && $0.starts(with: bytes) })
    {
      let more = try piece()
      if more.isEmpty { break }
      bytes += more
    }
    return bytes
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
