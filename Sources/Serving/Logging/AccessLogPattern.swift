import Foundation
import HTTP

/// A line of the access log in Gunicorn's `access_log_format`: text with atoms such as `%(h)s`.
public struct AccessLogPattern: Sendable, Equatable {
  /// Gunicorn's own: the combined format of Apache and Nginx.
  public static let combined = #"%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s""#

  enum Part: Sendable, Equatable {
    case text([UInt8])
    case atom(Character)
    case requestField(String)
    case responseField(String)
  }

  let parts: [Part]
  private static let atoms = Set("hlutrmUqHsBbfaTDMLp")

  /// Reads a format.
  /// - Throws: `ServingError.badLogFormat` for an atom that there is not.
  public init(_ format: String) throws(ServingError) {
    var parts: [Part] = []
    var rest = format[...]
    while let percent = rest.firstIndex(of: "%") {
      parts.append(.text(Array(rest[..<percent].utf8)))
      rest = rest[rest.index(after: percent)...]
      if rest.first == "%" {
        parts.append(.text([UInt8(ascii: "%")]))
        rest = rest.dropFirst()
        continue
      }
      guard rest.first == "(", let end = rest.range(of: ")s") else {
        throw .badLogFormat(format, at: "%" + rest.prefix(8))
      }
      let name = rest[rest.index(after: rest.startIndex)..<end.lowerBound]
      guard let part = Self.part(name) else { throw .badLogFormat(format, at: "%(\(name))s") }
      parts.append(part)
      rest = rest[end.upperBound...]
    }
    parts.append(.text(Array(rest.utf8)))
    self.parts = parts.filter { $0 != .text([]) }
  }

  private static func part(_ name: Substring) -> Part? {
    if name.count == 1, let letter = name.first, atoms.contains(letter) { return .atom(letter) }
    guard name.hasPrefix("{"), name.count > 3 else { return nil }
    let field = String(name.dropFirst().dropLast(2))
    let isToken = field.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ":") }
    guard isToken else { return nil }
    if name.hasSuffix("}i") { return .requestField(field) }
    if name.hasSuffix("}o") { return .responseField(field) }
    return nil
  }

  /// Writes one line.
  /// - Parameter time: the present second in the Common Log Format.
  func write(_ exchange: Exchange, time: String, to line: inout [UInt8]) {
    for part in parts {
      switch part {
      case .text(let bytes): line += bytes
      case .atom(let letter): writeAtom(letter, exchange, time, to: &line)
      case .requestField(let name):
        Self.escape(exchange.request?.field(named: name) ?? "-", to: &line)
      case .responseField(let name):
        Self.escape(exchange.responseField(named: name) ?? "-", to: &line)
      }
    }
    line.append(UInt8(ascii: "\n"))
  }

  private func writeAtom(
    _ letter: Character, _ exchange: Exchange, _ time: String, to line: inout [UInt8]
  ) {
    let microseconds = exchange.duration / 1000
    let request = exchange.request
    switch letter {
    case "h": line += exchange.peer.description.utf8
    case "t": line += "[\(time)]".utf8
    case "r":
      guard let request else { return line.append(UInt8(ascii: "-")) }
      let query = request.query.isEmpty ? "" : "?" + request.query
      Self.escape("\(request.method.name) \(request.path)\(query) ", to: &line)
      line += "HTTP/1.\(request.minorVersion)".utf8
    case "m": line += (request?.method.name ?? "-").utf8
    case "U": Self.escape(request?.path ?? "-", to: &line)
    case "q": Self.escape(request?.query ?? "", to: &line)
    case "H": line += "HTTP/1.\(request?.minorVersion ?? 1)".utf8
    case "s": line += "\(exchange.status.code)".utf8
    case "B": line += "\(exchange.bodyByteCount)".utf8
    case "b": line += (exchange.bodyByteCount == 0 ? "-" : "\(exchange.bodyByteCount)").utf8
    case "f": Self.escape(request?.field("referer") ?? "-", to: &line)
    case "a": Self.escape(request?.field("user-agent") ?? "-", to: &line)
    case "T": line += "\(microseconds / 1_000_000)".utf8
    case "D": line += "\(microseconds)".utf8
    case "M": line += "\(microseconds / 1000)".utf8
    case "L":
      let fraction = "\(microseconds % 1_000_000)"
      let zeros = String(repeating: "0", count: 6 - fraction.count)
      line += "\(microseconds / 1_000_000).\(zeros)\(fraction)".utf8
    case "p": line += "<\(getpid())>".utf8
    // %(l)s and %(u)s: nobody is asked who the user is.
    default: line.append(UInt8(ascii: "-"))
    }
  }

  /// What a client sent, so that it can neither end the line nor the quotes around it: as Nginx does, `"`, `\` and
  /// whatever is not printable ASCII become `\xNN`.
  static func escape(_ text: String, to line: inout [UInt8]) {
    let digits = Array("0123456789ABCDEF".utf8)
    for byte in text.utf8 {
      if byte >= 0x20 && byte < 0x7F && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\") {
        line.append(byte)
      } else {
        line += [
          UInt8(ascii: "\\"), UInt8(ascii: "x"), digits[Int(byte >> 4)], digits[Int(byte & 15)],
        ]
      }
    }
  }
}
