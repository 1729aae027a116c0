import Foundation

/// A file or pipe, read in pieces: what is held is one piece and one line. A file named .gz is unpacked
/// on the way by the system's gzip.
final class ByteReader {
  /// As messages name it.
  let path: String
  /// Bytes handed out.
  private(set) var consumed = 0
  private let handle: FileHandle
  private let unpacker: Process?
  private var buffer: [UInt8] = []
  private var next = 0
  private static let pieceSize = 1 << 16
  /// Longest row in bytes.
  static let longestRow = 1 << 26

  /// - Parameter path: `-` for standard input.
  init(path: String) throws(RecordError) {
    if path == "-" {
      (self.path, handle, unpacker) = ("standard input", .standardInput, nil)
      return
    }
    var isDirectory: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
      throw .unreadable(path: path, reason: "no such file")
    }
    guard !isDirectory.boolValue else { throw .unreadable(path: path, reason: "is a directory") }
    guard let handle = FileHandle(forReadingAtPath: path) else {
      throw .unreadable(path: path, reason: "permission denied")
    }
    guard path.hasSuffix(".gz") else {
      (self.path, self.handle, unpacker) = (path, handle, nil)
      return
    }
    let (process, pipe) = (Process(), Pipe())
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["gzip", "-dcq"]
    (process.standardInput, process.standardOutput) = (handle, pipe)
    process.standardError = FileHandle.nullDevice
    do { try process.run() } catch {
      throw .unreadable(
        path: path, reason: "gzip cannot be started (\(error.localizedDescription))")
    }
    (self.path, self.handle, unpacker) = (path, pipe.fileHandleForReading, process)
  }

  /// The next byte; nil at the end.
  @inline(__always)
  func byte() throws(RecordError) -> UInt8? {
    if next == buffer.count { guard try fill() else { return nil } }
    next += 1
    consumed += 1
    return buffer[next - 1]
  }

  /// The byte that `byte()` will give.
  func peek() throws(RecordError) -> UInt8? {
    if next == buffer.count { guard try fill() else { return nil } }
    return buffer[next]
  }

  /// The bytes up to the next line end, which is left off; nil at the end.
  func line(number: Int) throws(RecordError) -> [UInt8]? {
    guard try peek() != nil else { return nil }
    var line: [UInt8] = []
    while try peek() != nil {
      let rest = buffer[next...]
      let end = rest.firstIndex(of: UInt8(ascii: "\n"))
      line += rest[..<(end ?? buffer.count)]
      consumed += (end.map { $0 + 1 } ?? buffer.count) - next
      next = end.map { $0 + 1 } ?? buffer.count
      if line.count > Self.longestRow { throw tooLong(number) }
      if end != nil { break }
    }
    if line.last == UInt8(ascii: "\r") { line.removeLast() }
    return line
  }

  func tooLong(_ line: Int) -> RecordError {
    .malformed(
      path: path, line: line, problem: "the row is longer than \(Self.longestRow) bytes",
      mend: "Split it, or check that the format is right (--format).")
  }

  private func fill() throws(RecordError) -> Bool {
    let piece: Data?
    do { piece = try handle.read(upToCount: Self.pieceSize) } catch {
      throw .unreadable(path: path, reason: "cannot be read")
    }
    guard let piece, !piece.isEmpty else {
      unpacker?.waitUntilExit()
      if let unpacker, unpacker.terminationStatus != 0 {
        throw .unreadable(path: path, reason: "is not a whole gzip file")
      }
      return false
    }
    buffer = Array(piece)
    next = 0
    return true
  }
}
