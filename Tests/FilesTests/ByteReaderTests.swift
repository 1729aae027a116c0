import Files
import Foundation
import Testing

private func lines(_ bytes: [UInt8], longest: Int = 1 << 20) throws -> [String] {
  let reader = ByteReader(bytes, name: "memory", longestLine: longest)
  var lines: [String] = []
  while let line = try reader.line() {
    lines.append("\(reader.lineNumber):" + String(decoding: line, as: UTF8.self))
  }
  return lines
}

@Suite("Lines over bytes")
struct ByteReaderTests {
  @Test(
    "LF and CRLF end a line, a lone CR does not, and numbers are those of the file",
    arguments: [
      ("a\nb\n", ["1:a", "2:b"]), ("a\r\n\r\nb", ["1:a", "2:", "3:b"]), ("", []),
      ("a\rb\r\nc", ["1:a\rb", "2:c"]), ("\r\n", ["1:"]), ("\u{FEFF}a\n", ["1:a"]),
      ("\u{FEFF}", []), ("a\n\u{301}b\n", ["1:a", "2:\u{301}b"]),
    ])
  func ends(text: String, expected: [String]) throws {
    #expect(try lines(Array(text.utf8)).map { Array($0.utf8) } == expected.map { Array($0.utf8) })
  }

  @Test("A line past the limit is refused by number before it is held whole")
  func limit() throws {
    #expect(try lines(Array("1234\n12".utf8), longest: 4) == ["1:1234", "2:12"])
    #expect(throws: FileError.lineTooLong(path: "memory", line: 2, limit: 4)) {
      try lines(Array("1234\n12345\n".utf8), longest: 4)
    }
  }

  @Test("A mark that comes byte by byte through a pipe is still one")
  func pipe() throws {
    let pipe = Pipe()
    let reader = try ByteReader(path: "/dev/fd/\(pipe.fileHandleForReading.fileDescriptor)")
    let writer = pipe.fileHandleForWriting
    Thread.detachNewThread {
      for byte in [0xEF, 0xBB, 0xBF, 0x61, 0x0D, 0x0A] as [UInt8] {
        writer.write(Data([byte]))
        usleep(1000)
      }
      try? writer.close()
    }
    #expect(try reader.line() == [0x61])
    #expect(try reader.line() == nil)
  }

  /// What `gzip` makes, by Python or the shell: the reader and the writer are two programs.
  private func gzip(_ text: String) throws -> [UInt8] {
    let (process, input, output) = (Process(), Pipe(), Pipe())
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["gzip", "-c"]
    (process.standardInput, process.standardOutput) = (input, output)
    try process.run()
    let writer = input.fileHandleForWriting
    Thread.detachNewThread {
      writer.write(Data(text.utf8))
      try? writer.close()
    }
    let packed = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return [UInt8](packed)
  }

  @Test("gzip is unpacked, several members and a mark inside too")
  func members() throws {
    let long = String(repeating: "0123456789 long line\r\n", count: 20_000)
    let packed = try gzip("\u{FEFF}first\n") + gzip(long) + [0, 0, 0]
    let read = try lines(packed)
    #expect(read.count == 20_001 && read.first == "1:first")
    #expect(read.last == "20001:0123456789 long line")
  }

  @Test("gzip that is cut, broken or followed by something else is refused")
  func broken() throws {
    let packed = try gzip("some text that is packed\n")
    let wanted = FileError.unreadable(path: "memory", reason: "is not a whole gzip file")
    for bad in [Array(packed.dropLast()), packed + [1, 2], Array(packed.prefix(5))] {
      #expect(throws: wanted) { try lines(bad) }
    }
  }

  @Test("A missing file and a folder are said in plain words")
  func missing() {
    #expect(throws: FileError.unreadable(path: "/nowhere", reason: "no such file")) {
      try ByteReader(path: "/nowhere")
    }
    #expect(throws: FileError.unreadable(path: "/tmp", reason: "is a directory")) {
      try ByteReader(path: "/tmp")
    }
  }
}
