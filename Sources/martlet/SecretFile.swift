import Files
import Foundation

/// A file that holds a token or a secret and nothing else.
enum SecretFile {
  /// Why a secret is none.
  struct Empty: Error, LocalizedError {
    let path: String

    var errorDescription: String? { "\(path): holds nothing. Write the secret on its first line." }
  }

  /// What the file holds, without white space around it.
  /// - Throws: `FileError`, and `Empty`, since an empty secret would let everybody in.
  static func read(_ path: String) throws -> String {
    let reader = try ByteReader(path: path, longestLine: 1 << 16)
    var lines: [String] = []
    while lines.count < 1000, let line = try reader.line() {
      lines.append(String(decoding: line, as: UTF8.self))
    }
    let secret = lines.joined(separator: "\n").trimmingCharacters(in: .whitespacesAndNewlines)
    guard !secret.isEmpty else { throw Empty(path: path) }
    return secret
  }
}
