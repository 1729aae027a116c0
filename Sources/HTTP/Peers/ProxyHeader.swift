/// What a load balancer writes before a connection's first byte, so that the server knows the
/// client: the PROXY protocol, versions 1 and 2 (haproxy.org, doc/proxy-protocol.txt, sections 2.1
/// and 2.2).
public struct ProxyHeader: Sendable, Equatable {
  /// Bytes that the header takes.
  public var byteCount: Int
  /// The client; nil where the balancer speaks for itself (LOCAL, UNKNOWN, UNSPEC).
  public var client: Peer?

  /// What the bytes so far come to.
  public enum Reading: Sendable, Equatable {
    /// A header, whole.
    case complete(ProxyHeader)
    /// So far it may become one.
    case incomplete
    /// No header, however it goes on.
    case malformed
  }

  /// Longest header that is read: what is beyond addresses (TLVs) is skipped.
  public static let maximumByteCount = 2048
  private static let longestLine = 107
  private static let signature: [UInt8] = [
    0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A,
  ]

  /// Reads a header at the beginning of the bytes.
  public static func read(_ bytes: ArraySlice<UInt8>) -> Reading {
    if bytes.isEmpty { return .incomplete }
    if bytes.first == signature[0] { return readVersion2(bytes) }
    return readVersion1(bytes)
  }

  // MARK: - Version 1

  private static func readVersion1(_ bytes: ArraySlice<UInt8>) -> Reading {
    let prefix = Array("PROXY ".utf8)
    let count = min(bytes.count, prefix.count)
    if !bytes.prefix(count).elementsEqual(prefix.prefix(count)) { return .malformed }
    guard let end = bytes.prefix(longestLine).firstIndex(of: 0x0A) else {
      return bytes.count < longestLine ? .incomplete : .malformed
    }
    if bytes[end - 1] != 0x0D { return .malformed }
    let byteCount = end + 1 - bytes.startIndex
    let line = bytes[bytes.startIndex..<(end - 1)].dropFirst(prefix.count)
    if !line.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) { return .malformed }
    let words = String(decoding: line, as: UTF8.self).split(
      separator: " ", omittingEmptySubsequences: false)
    if words.first == "UNKNOWN" {
      return .complete(ProxyHeader(byteCount: byteCount, client: nil))
    }
    guard words.count == 5, let source = peer(words[1], port: words[3]),
      let destination = peer(words[2], port: words[4]), source.isOfFamily(words[0]),
      destination.isOfFamily(words[0])
    else { return .malformed }
    return .complete(ProxyHeader(byteCount: byteCount, client: source.peer))
  }

  private struct Address {
    let peer: Peer
    let hasColon: Bool

    /// Whether the address is of the family that was named.
    func isOfFamily(_ family: Substring) -> Bool { family == (hasColon ? "TCP6" : "TCP4") }
  }

  /// A port has no sign and no leading zero.
  private static func peer(_ host: Substring, port: Substring) -> Address? {
    let isNumber = port.utf8.allSatisfy { (0x30...0x39).contains($0) }
    guard isNumber, port == "0" || !port.hasPrefix("0"), let number = UInt16(port),
      let peer = Peer(host, port: number)
    else { return nil }
    return Address(peer: peer, hasColon: host.contains(":"))
  }

  // MARK: - Version 2

  private static func readVersion2(_ bytes: ArraySlice<UInt8>) -> Reading {
    let known = min(bytes.count, signature.count)
    if !bytes.prefix(known).elementsEqual(signature.prefix(known)) { return .malformed }
    if bytes.count < 16 { return .incomplete }
    let start = bytes.startIndex
    let command = bytes[start + 12]
    let family = bytes[start + 13]
    let length = Int(bytes[start + 14]) << 8 | Int(bytes[start + 15])
    // The upper four bits are the version, the lower the command: LOCAL or PROXY.
    if command >> 4 != 2 || command & 15 > 1 || 16 + length > maximumByteCount {
      return .malformed
    }
    if bytes.count < 16 + length { return .incomplete }
    var header = ProxyHeader(byteCount: 16 + length, client: nil)
    let body = bytes[(start + 16)..<(start + 16 + length)]
    if command & 15 == 0 { return .complete(header) }
    switch family {
    case 0x11:
      if length < 12 { return .malformed }
      header.client = client(body, addressCount: 4)
    case 0x21:
      if length < 36 { return .malformed }
      header.client = client(body, addressCount: 16)
    case 0x31:
      if length < 216 { return .malformed }
    case 0x00: break
    default: return .malformed
    }
    return .complete(header)
  }

  private static func client(_ body: ArraySlice<UInt8>, addressCount: Int) -> Peer? {
    let port = body.dropFirst(2 * addressCount).prefix(2).reduce(0) { $0 << 8 | UInt16($1) }
    return Peer(addressBytes: body.prefix(addressCount), port: port)
  }
}
