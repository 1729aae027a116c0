import Foundation
import TOMLKit

/// A file of settings, `martlet.toml`: `key = value`, where a key is the long name of an option with underscores.
///
///     models = ["/var/lib/martlet/model"]
///     workers = 4
///     bind = ["127.0.0.1:5000", "unix:/run/martlet/http.sock"]
///     preload = true
public struct SettingsFile: Sendable, Equatable {
  /// One key of the file.
  public struct Entry: Sendable, Equatable {
    /// The option's key.
    public let key: String
    /// Its values; a switch has `true` or `false`.
    public let values: [String]
    /// Where it stands, from 1.
    public let line: Int
  }

  /// The file's name.
  public let path: String
  /// What it sets.
  public let entries: [Entry]

  static let sizeLimit = 1 << 20

  /// Reads a file.
  /// - Throws: `SettingsError`.
  public init(path: String, options: [CommandOption]) throws(SettingsError) {
    guard let handle = FileHandle(forReadingAtPath: path) else {
      throw .unreadable(path: path, reason: "cannot be read: \(String(cString: strerror(errno)))")
    }
    defer { try? handle.close() }
    let data: Data
    do {
      data = try handle.read(upToCount: Self.sizeLimit + 1) ?? Data()
    } catch {
      throw .unreadable(path: path, reason: "cannot be read: \(error.localizedDescription)")
    }
    guard data.count <= Self.sizeLimit, let text = String(data: data, encoding: .utf8) else {
      throw .unreadable(path: path, reason: "is no UTF-8 text of at most a megabyte")
    }
    try self.init(text: text, path: path, options: options)
  }

  /// Reads the text of a file.
  /// - Throws: `SettingsError`.
  public init(text: String, path: String, options: [CommandOption]) throws(SettingsError) {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    // Settings need no tables, and TOMLKit 0.6.0 aborts at a header that does not begin with a key, such as `[.x]`.
    if let index = lines.firstIndex(where: { $0.first { $0 != " " && $0 != "\t" } == "[" }) {
      throw .syntax(
        path: path, line: index + 1,
        reason: "there are no tables here, every setting stands by itself")
    }
    for (index, line) in lines.enumerated() {
      if let word = unusableWord(in: line) {
        throw .syntax(
          path: path, line: index + 1,
          reason: "'\(word)' is neither a number nor any other value of a setting")
      }
    }
    let table: TOMLTable
    do {
      table = try TOMLTable(string: text)
    } catch let error as TOMLParseError {
      throw .syntax(
        path: path, line: error.source.begin.line,
        reason: error.description.replacing("\n", with: " "))
    } catch {
      throw .syntax(path: path, line: 1, reason: "\(error)")
    }
    var entries: [Entry] = []
    let keys = table.map { ($0.0, $0.1, Self.line(of: $0.0, in: lines)) }
    for (written, value, line) in keys.sorted(by: { $0.2 < $1.2 }) {
      let key = CommandOption.key(written)
      guard let option = options.first(where: { $0.key == key && $0.isSetting }) else {
        throw .unknownKey(
          path: path, line: line, key: written, nearest: Self.nearest(to: key, among: options))
      }
      guard let values = Self.values(of: value, for: option) else {
        throw .wrongType(path: path, line: line, key: written, expected: Self.expectation(option))
      }
      entries.append(Entry(key: key, values: values, line: line))
    }
    self.path = path
    self.entries = entries
  }

  private static func values(
    of value: any TOMLValueConvertible, for option: CommandOption
  ) -> [String]? {
    if option.kind == .flag { return value.bool.map { ["\($0)"] } }
    if let array = value.array {
      guard option.isRepeating else { return nil }
      let values = array.compactMap(scalar)
      return values.count == array.count ? values : nil
    }
    return scalar(value).map { [$0] }
  }

  private static func scalar(_ value: any TOMLValueConvertible) -> String? {
    switch value.type {
    case .string: value.string
    case .int: value.int.map { "\($0)" }
    case .double: value.double.map { "\($0)" }
    default: nil
    }
  }

  private static func expectation(_ option: CommandOption) -> String {
    if option.kind == .flag { return "true or false" }
    return option.isRepeating
      ? "a string, a number, or an array of them" : "a string or a number"
  }

  /// The line where a key stands; TOMLKit tells it only of errors.
  private static func line(of key: String, in lines: [Substring]) -> Int {
    for (index, line) in lines.enumerated() {
      var rest = line.drop { $0 == " " || $0 == "\t" || $0 == "[" }
      let quote = rest.first.flatMap { $0 == "\"" || $0 == "'" ? $0 : nil }
      if quote != nil { rest = rest.dropFirst() }
      guard rest.hasPrefix(key) else { continue }
      rest = rest.dropFirst(key.count)
      if quote != nil { rest = rest.dropFirst() }
      if let next = rest.first(where: { $0 != " " && $0 != "\t" }), "=.]".contains(next) {
        return index + 1
      }
    }
    return 1
  }

  /// The known key with the fewest changes of a letter, if a third of the letters or less differ.
  static func nearest(to key: String, among options: [CommandOption]) -> String? {
    let candidates = options.filter(\.isSetting).map {
      (key: $0.key, distance: distance($0.key, key))
    }
    guard let best = candidates.min(by: { $0.distance < $1.distance }) else { return nil }
    return best.distance <= max(1, key.count / 3) ? best.key : nil
  }

  /// Insertions, deletions and replacements between two words (Wagner and Fischer, 1974).
  static func distance(_ left: String, _ right: String) -> Int {
    let (left, right) = (Array(left.utf8.prefix(64)), Array(right.utf8.prefix(64)))
    var row = Array(0...right.count)
    for (index, letter) in left.enumerated() {
      var diagonal = row[0]
      row[0] = index + 1
      for column in right.indices {
        let replaced = diagonal + (letter == right[column] ? 0 : 1)
        diagonal = row[column + 1]
        row[column + 1] = min(replaced, row[column] + 1, diagonal + 1)
      }
    }
    return row[right.count]
  }
}

/// Whether there is a file of that name.
func isThere(_ path: String) -> Bool { access(path, F_OK) == 0 }

/// The first bare word of a line's value that begins as a number but is none, or a brace. Settings need neither dates nor
/// tables, and TOMLKit 0.6.0 aborts where one is cut short or a brace stands alone.
private func unusableWord(in line: Substring) -> Substring? {
  var bare = ""
  var quote: Character?
  var isEscaped = false
  for character in line {
    if let open = quote {
      if character == open && !isEscaped { quote = nil }
      isEscaped = open == "\"" && character == "\\" && !isEscaped
    } else if character == "#" {
      break
    } else if character == "\"" || character == "'" {
      quote = character
      bare.append(" ")
    } else {
      bare.append(character)
    }
  }
  let value = bare.firstIndex(of: "=").map { bare[bare.index(after: $0)...] } ?? bare[...]
  return value.split { $0.isWhitespace || "=,[]".contains($0) }.first { word in
    if word.contains("{") || word.contains("}") { return true }
    guard let first = word.unicodeScalars.first, "+-0123456789".unicodeScalars.contains(first)
    else {
      return false
    }
    let digits = word.replacing("_", with: "")
    return Double(digits) == nil && !["0x", "0o", "0b"].contains(digits.prefix(2))
  }
}
