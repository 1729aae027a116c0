import Foundation

/// The lines that a benchmark takes as its input.
enum InputLines {
  /// Lines of the file at `path`, or of standard input for `-`.
  static func read(_ path: String) throws -> [String] {
    var lines: [String] = []
    if path == "-" {
      while let line = readLine() { lines.append(line) }
    } else {
      lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map(
        String.init)
    }
    return lines
  }
}
