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
  /// The body after chunked decoding and inflating.
  public let body: [UInt8]
  /// Whether the client takes an answer in gzip.
  let acceptsGzip: Bool
  let identity: RequestID
  /// Monotonic nanoseconds when the first byte was read.
  public internal(set) var arrival: Int64
  /// The client: the other end of the connection, or who it says it speaks for if it is a proxy
  /// that is trusted (`HTTPServerConfiguration.trustedProxies`).
  public internal(set) var peer: Peer
  /// Whether the client speaks TLS, to this server or to a proxy that is trusted.
  public internal(set) var isSecure = false
  /// What a route's template matched, in the template's order.
  public internal(set) var parameters: [String] = []

  /// The request id: the client's `X-Request-Id` if it is sane, else made here.
  public var id: String { identity.description }

  /// The path as it was sent, still percent-encoded. An absolute target without a path means `/`,
  /// or `*` in OPTIONS (RFC 9112 section 3.2.4).
  public var path: String {
    if pathRange.isEmpty { return method == .options ? "*" : "/" }
    return String(decoding: head[pathRange], as: UTF8.self)
  }

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

  /// The bytes of all fields with this name, in order.
  func allFieldBytes(_ name: StaticString) -> [ArraySlice<UInt8>] {
    fields.filter { field in
      field.name.count == name.utf8CodeUnitCount
        && zip(head[field.name], 0...).allSatisfy { $0.lowercased == name.utf8Start[$1] }
    }.map { head[$0.value] }
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
