import Files
import Foundation
import Testing

@Suite("Escapes over bytes")
struct EscapingTests {
  @Test("A byte is replaced though a combining mark or a line feed makes it a part of a Character")
  func marks() {
    let text = "a\"\u{301}\r\n\"é"
    let escaped = text.escaped { $0 == UInt8(ascii: "\"") ? "\"\"" : $0 == 13 ? "" : nil }
    #expect(Array(escaped.utf8) == Array("a\"\"\u{301}\n\"\"é".utf8))
  }

  @Test("Parts are cut at bytes")
  func parts() {
    #expect("a\t\u{301}b\t\tc".split(byte: "\t") == ["a", "\u{301}b", "c"])
    #expect("k=v=w".split(byte: "=", maxSplits: 1) == ["k", "v=w"])
  }

  @Test(
    "A shell reads a word back",
    arguments: ["plain-1.txt", "", "a b", "it's", "'\u{301}; echo no", "$HOME `x`", "é", "a\nb"])
  func shell(word: String) throws {
    let (process, pipe) = (Process(), Pipe())
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", "printf %s " + word.shellWord]
    process.standardOutput = pipe
    try process.run()
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    #expect(Array(data) == Array(word.utf8))
  }
}
