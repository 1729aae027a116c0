/// Whom a trusted proxy says it speaks for: `X-Forwarded-For` and `X-Forwarded-Proto`, or
/// `Forwarded` (RFC 7239).
///
/// Only one of them is read, because a proxy that writes one hands on the other as the client sent
/// it. The list is read from its end: each trusted address vouches for the one before it, and the
/// first that is not trusted is the client. Anything malformed ends the reading, and who vouched
/// last is taken for the client.
public enum Forwarding: String, Sendable, CaseIterable {
  /// `X-Forwarded-For`, `X-Forwarded-Proto`.
  case xForwarded = "x-forwarded-for"
  /// `Forwarded`.
  case forwarded

  /// Most addresses that are looked at.
  private static let maximumHops = 32

  struct Origin: Equatable {
    var peer: Peer
    var isSecure: Bool?
  }

  func origin(of request: Request, from peer: Peer, trusted: TrustedPeers) -> Origin {
    switch self {
    case .xForwarded: Self.xForwarded(request, peer, trusted)
    case .forwarded: Self.forwarded(request, peer, trusted)
    }
  }

  // MARK: - X-Forwarded-For

  private static func xForwarded(
    _ request: Request, _ peer: Peer, _ trusted: TrustedPeers
  ) -> Origin {
    var origin = Origin(peer: peer)
    let schemes = request.allFieldBytes("x-forwarded-proto")
    if schemes.count == 1, let scheme = schemes.first { origin.isSecure = isSecure(scheme) }
    let members = request.allFieldBytes("x-forwarded-for").flatMap {
      $0.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
    }
    for member in members.reversed().prefix(maximumHops) {
      guard let next = node(trimmed(member)) else { break }
      origin.peer = next
      if !trusted.contains(next) { break }
    }
    return origin
  }

  private static func isSecure(_ scheme: ArraySlice<UInt8>) -> Bool? {
    switch String(decoding: scheme, as: UTF8.self).lowercased() {
    case "https": true
    case "http": false
    default: nil
    }
  }

  /// An address, with a port or without, an IPv6 one in brackets or not.
  static func node(_ bytes: ArraySlice<UInt8>) -> Peer? {
    guard bytes.count <= 64, bytes.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { return nil }
    let text = String(decoding: bytes, as: UTF8.self)
    if let peer = Peer(text) { return peer }
    var host = Substring(text)
    var port: Substring?
    if text.hasPrefix("[") {
      guard let end = text.firstIndex(of: "]") else { return nil }
      host = text[text.index(after: text.startIndex)..<end]
      let rest = text[text.index(after: end)...]
      if !host.contains(":") || !(rest.isEmpty || rest.hasPrefix(":")) { return nil }
      if !rest.isEmpty { port = rest.dropFirst() }
    } else if let colon = text.firstIndex(of: ":") {
      host = text[..<colon]
      port = text[text.index(after: colon)...]
      if host.contains(":") || !host.contains(".") { return nil }
    }
    guard let port else { return Peer(host) }
    let isNumber = !port.isEmpty && port.utf8.allSatisfy { (0x30...0x39).contains($0) }
    // RFC 7239 lets a proxy hide the port behind a name.
    if !isNumber && !port.hasPrefix("_") { return nil }
    if isNumber && UInt16(port) == nil { return nil }
    return Peer(host, port: UInt16(port) ?? 0)
  }

  private static func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    var bytes = bytes
    while let first = bytes.first, first == 0x20 || first == 0x09 { bytes.removeFirst() }
    while let last = bytes.last, last == 0x20 || last == 0x09 { bytes.removeLast() }
    return bytes
  }

  // MARK: - Forwarded

  private static func forwarded(
    _ request: Request, _ peer: Peer, _ trusted: TrustedPeers
  ) -> Origin {
    var origin = Origin(peer: peer)
    let elements = request.allFieldBytes("forwarded").map { self.elements($0) }
    if elements.contains(where: { $0 == nil }) { return origin }
    for element in elements.compactMap({ $0 }).joined().reversed().prefix(maximumHops) {
      if let scheme = element["proto"] { origin.isSecure = isSecure(scheme[...]) }
      guard let name = element["for"], let next = node(name[...]) else { break }
      origin.peer = next
      if !trusted.contains(next) { break }
    }
    return origin
  }

  /// `1#forwarded-element` (RFC 7239 section 4): pairs by lower-case name; nil if it is malformed
  /// or says a thing twice.
  static func elements(_ value: ArraySlice<UInt8>) -> [[String: [UInt8]]]? {
    var elements: [[String: [UInt8]]] = [[:]]
    var rest = value[...]
    while true {
      rest = trimmed(rest)
      let name = rest.prefix { ByteSet.token.contains($0) }
      rest = rest.dropFirst(name.count)
      if !name.isEmpty {
        guard rest.popFirst() == UInt8(ascii: "="), let text = self.value(&rest) else { return nil }
        let key = String(decoding: name, as: UTF8.self).lowercased()
        if elements[elements.count - 1].updateValue(text, forKey: key) != nil { return nil }
      }
      rest = trimmed(rest)
      switch rest.popFirst() {
      case nil: return elements.contains { $0.isEmpty } ? nil : elements
      case UInt8(ascii: ";"): continue
      case UInt8(ascii: ","): elements.append([:])
      default: return nil
      }
    }
  }

  /// A token or a quoted string (RFC 9110 section 5.6.4), without its quotes.
  private static func value(_ rest: inout ArraySlice<UInt8>) -> [UInt8]? {
    guard rest.first == UInt8(ascii: "\"") else {
      let token = rest.prefix { ByteSet.token.contains($0) }
      rest = rest.dropFirst(token.count)
      return token.isEmpty ? nil : Array(token)
    }
    rest.removeFirst()
    var text: [UInt8] = []
    while let byte = rest.popFirst() {
      switch byte {
      case UInt8(ascii: "\""): return text
      case UInt8(ascii: "\\"):
        guard let escaped = rest.popFirst(), escaped.isFieldValue else { return nil }
        text.append(escaped)
      default: text.append(byte)
      }
    }
    return nil
  }
}
