import Foundation
import JSON

/// How the fields of a line are written.
public enum LogFormat: String, Sendable, CaseIterable {
  case logfmt, json

  /// A line of fields. What is not plain stands in quotes with its control characters escaped, so that no value can
  /// end a line or look like another field.
  package func line(_ fields: [(String, String)]) -> [UInt8] {
    var line: [UInt8] = []
    for (index, (key, value)) in fields.enumerated() {
      switch self {
      case .json:
        line.append(UInt8(ascii: index == 0 ? "{" : ","))
        JSONValue.write(string: key, to: &line)
        line.append(UInt8(ascii: ":"))
        JSONValue.write(string: value, to: &line)
      case .logfmt:
        if index > 0 { line.append(UInt8(ascii: " ")) }
        line += key.utf8
        line.append(UInt8(ascii: "="))
        let isPlain = value.utf8.allSatisfy {
          $0 > 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "=")
        }
        if isPlain && !value.isEmpty {
          line += value.utf8
        } else {
          JSONValue.write(string: value, to: &line)
        }
      }
    }
    line += (self == .json ? "}\n" : "\n").utf8
    return line
  }
}

/// Times in log lines, in UTC.
enum Timestamp {
  /// In the form of RFC 3339.
  static func string(seconds: Int) -> String {
    let parts = Self.parts(seconds)
    return "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))"
      + "T\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))Z"
  }

  /// In the Common Log Format: `25/Nov/2026:03:04:05 +0000`.
  static func common(seconds: Int) -> String {
    let parts = Self.parts(seconds)
    let months = [
      "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
    return "\(two(parts.tm_mday))/\(months[Int(parts.tm_mon)])/\(parts.tm_year + 1900)"
      + ":\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec)) +0000"
  }

  private static func parts(_ seconds: Int) -> tm {
    var now = time_t(seconds)
    var parts = tm()
    gmtime_r(&now, &parts)
    return parts
  }

  private static func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
}
