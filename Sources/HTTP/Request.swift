/// One field line, as ranges into the bytes of the head.
struct FieldLine: Sendable {
  var nameStart: Int32
  var nameEnd: Int32
  var valueStart: Int32
  var valueEnd: Int32

  var name: Range<Int> { Int(nameStart)..<Int(nameEnd) }
  var value: Range<Int> { Int(valueStart)..<Int(valueEnd) }
}

/// A complete request. It owns its bytes, so it may be handed to another queue.
public struct Request: Sendable {
  /// The bytes of the head as they arrived.
  let head: [UInt8]
  let fields: [FieldLine]
  let pathRange: Range<Int>
  let queryRange: Range<Int>

  /// The method.
  public let method: Method
  /// 1 for HTTP/1.1, 0 for HTTP/1.0.
  public let minorVersion: Int
  /// The body after chunked decoding.
  public let body: [UInt8]
  /// The request id: the client's `X-Request-Id` if it is sane, else made here.
  public internal(set) var id: String
  /// Monotonic nanoseconds when the first byte was read.
  public internal(set) var arrival: Int64
  /// The address of the peer, without its port; empty for a Unix-domain socket.
  public internal(set) var peer: Peer
  /// What a route's template matched, in the template's order.
  public internal(set) var parameters: [String] = []

  /// The path as it was sent, still percent-encoded.
  public var path: String { String(decoding: head[pathRange], as: UTF8.self) }

  /// The query as it was sent, without its `?`.
  public var query: String { String(decoding: head[queryRange], as: UTF8.self) }

  /// The bytes of the first field with this name.
  /// - Parameter name: compared without regard to case.
  public func fieldBytes(_ name: StaticString) -> ArraySlice<UInt8>? {
    let wanted = UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
    for field in fields where field.name.count == wanted.count {
      var isSame = true
      for index in 0..<wanted.count
      where head[Int(field.nameStart) + index].lowercased != wanted[index].lowercased {
        isSame = false
        break
      }
      if isSame { return head[field.value] }
    }
    return nil
  }

  /// The value of the first field with this name; bytes that are not UTF-8 are replaced.
  public func field(_ name: StaticString) -> String? {
    fieldBytes(name).map { String(decoding: $0, as: UTF8.self) }
  }

  /// The value of the first field with a name that is known only at run time; bytes that are not UTF-8 are replaced.
  /// - Parameter name: compared without regard to case.
  public func field(named name: String) -> String? {
    let wanted = name.utf8.map(\.lowercased)
    let found = fields.first { head[$0.name].lazy.map(\.lowercased).elementsEqual(wanted) }
    return found.map { String(decoding: head[$0.value], as: UTF8.self) }
  }

  /// The value of the first query parameter with this name, percent-decoded; empty if it has no `=`.
  public func queryParameter(_ name: String) -> String? {
    if queryRange.isEmpty { return nil }
    for pair in head[queryRange].split(separator: UInt8(ascii: "&")) {
      let parts = pair.split(
        separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
      guard let key = parts.first, percentDecoded(key) == name else { continue }
      return parts.count > 1 ? percentDecoded(parts[1]) : ""
    }
    return nil
  }
}

/// Undoes percent-encoding. Bytes that are then not UTF-8 are replaced.
func percentDecoded(_ bytes: ArraySlice<UInt8>) -> String {
  if !bytes.contains(UInt8(ascii: "%")) { return String(decoding: bytes, as: UTF8.self) }
  var decoded: [UInt8] = []
  decoded.reserveCapacity(bytes.count)
  var index = bytes.startIndex
  while index < bytes.endIndex {
    if bytes[index] == UInt8(ascii: "%"), index + 2 < bytes.endIndex,
      let high = bytes[index + 1].hexDigit, let low = bytes[index + 2].hexDigit
    {
      decoded.append(UInt8(high << 4 | low))
      index += 3
    } else {
      decoded.append(bytes[index])
      index += 1
    }
  }
  return String(decoding: decoded, as: UTF8.self)
}

/// The address of the other end of a connection.
public struct Peer: Sendable, Hashable, CustomStringConvertible {
  let high: UInt64
  let low: UInt64
  let family: UInt8
  /// The port; 0 for a Unix-domain socket.
  public let port: UInt16

  /// No address: a Unix-domain socket, or a test.
  public static let none = Peer(high: 0, low: 0, family: 1, port: 0)

  /// The address as text: dotted for IPv4, eight hexadecimal groups for IPv6, `unix` else.
  public var description: String {
    switch family {
    case 4:
      return "\(low >> 24 & 255).\(low >> 16 & 255).\(low >> 8 & 255).\(low & 255)"
    case 6:
      let groups = [high, low].flatMap { word in
        [48, 32, 16, 0].map { String(word >> UInt64($0) & 0xFFFF, radix: 16) }
      }
      return groups.joined(separator: ":")
    default:
      return "unix"
    }
  }
}
