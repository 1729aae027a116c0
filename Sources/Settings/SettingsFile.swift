import Files
import Foundation

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
    let bytes: [UInt8]
    do { bytes = try ByteReader.contents(of: path, limit: Self.sizeLimit) } catch {
      throw .unreadable(path: path, reason: "cannot be read: \(error.reason)")
    }
    try self.init(bytes: bytes, path: path, options: options)
  }

  /// Reads the content of a file.
  /// - Throws: `SettingsError`.
  public init(bytes: [UInt8], path: String, options: [CommandOption]) throws(SettingsError) {
    let assignments: [SettingsReader.Assignment]
    do { assignments = try SettingsReader.read(bytes) } catch {
      throw .syntax(path: path, line: error.line, reason: error.reason)
    }
    var entries: [Entry] = []
    for assignment in assignments {
      let (written, line) = (assignment.key, assignment.line)
      let key = CommandOption.key(written)
      guard let option = options.first(where: { $0.key == key && $0.isSetting }) else {
        throw .unknownKey(
          path: path, line: line, key: written, nearest: Self.nearest(to: key, among: options))
      }
      if let first = entries.first(where: { $0.key == key }) {
        throw .syntax(
          path: path, line: line, reason: "'\(written)' is set in line \(first.line) already")
      }
      guard let values = Self.values(of: assignment.value, for: option) else {
        throw .wrongType(path: path, line: line, key: written, expected: Self.expectation(option))
      }
      entries.append(Entry(key: key, values: values, line: line))
    }
    self.path = path
    self.entries = entries
  }

  private static func values(of value: SettingsReader.Value, for option: CommandOption) -> [String]?
  {
    switch value {
    case .boolean(let isOn): return option.kind == .flag ? ["\(isOn)"] : nil
    case .scalar(let word): return option.kind == .flag ? nil : [word]
    case .array(let values) where option.isRepeating:
      var words: [String] = []
      for value in values {
        guard case .scalar(let word) = value else { return nil }
        words.append(word)
      }
      return words
    case .array, .table: return nil
    }
  }

  private static func expectation(_ option: CommandOption) -> String {
    if option.kind == .flag { return "true or false" }
    return option.isRepeating
      ? "a string, a number, or an array of them" : "a string or a number"
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
