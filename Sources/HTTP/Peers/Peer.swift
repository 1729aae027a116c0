import Foundation

/// The address of the other end of a connection.
public struct Peer: Sendable, Hashable, CustomStringConvertible {
  // An IPv4 address is kept as IPv6 maps it (RFC 4291 section 2.5.5.2).
  let high: UInt64
  let low: UInt64
  /// 4, 6, or 1 for a Unix-domain socket.
  let family: UInt8
  /// The port; 0 where there is none, or it is not known.
  public let port: UInt16

  /// No address: a Unix-domain socket, or a test.
  public static let none = Peer(high: 0, low: 0, family: 1, port: 0)

  private static let mappedPrefix: UInt64 = 0xFFFF_0000_0000

  init(high: UInt64, low: UInt64, family: UInt8, port: UInt16) {
    let isMapped = family == 6 && high == 0 && low & ~0xFFFF_FFFF == Self.mappedPrefix
    self.high = high
    self.low = low
    self.family = isMapped ? 4 : family
    self.port = port
  }

  /// Four bytes of IPv4 or sixteen of IPv6; nil for another number of bytes.
  init?(addressBytes bytes: some Collection<UInt8>, port: UInt16) {
    switch bytes.count {
    case 4:
      let low = bytes.reduce(0) { $0 << 8 | UInt64($1) }
      self.init(high: 0, low: Self.mappedPrefix | low, family: 4, port: port)
    case 16:
      let high = bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
      let low = bytes.dropFirst(8).reduce(0) { $0 << 8 | UInt64($1) }
      self.init(high: high, low: low, family: 6, port: port)
    default: return nil
    }
  }

  /// An address as `inet_pton` reads it, without brackets or port; nil if it is none.
  public init?(_ text: some StringProtocol, port: UInt16 = 0) {
    var bytes = [UInt8](repeating: 0, count: 16)
    let text = String(text)
    if text.utf8.contains(0) { return nil }
    if inet_pton(AF_INET, text, &bytes) == 1 {
      self.init(addressBytes: bytes.prefix(4), port: port)
    } else if inet_pton(AF_INET6, text, &bytes) == 1 {
      self.init(addressBytes: bytes, port: port)
    } else {
      return nil
    }
  }

  /// The address as text: dotted for IPv4, as RFC 5952 has it for IPv6, `unix` else.
  public var description: String {
    switch family {
    case 4:
      return "\(low >> 24 & 255).\(low >> 16 & 255).\(low >> 8 & 255).\(low & 255)"
    case 6:
      var address = in6_addr()
      withUnsafeMutableBytes(of: &address) {
        $0.storeBytes(of: high.bigEndian, as: UInt64.self)
        $0.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
      }
      var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
      _ = inet_ntop(AF_INET6, &address, &text, socklen_t(text.count))
      return String(
        decoding: text.prefix { $0 != 0 }.map { UInt8(truncatingIfNeeded: $0) }, as: UTF8.self)
    default:
      return "unix"
    }
  }

  /// Who the client is by its address: the address, or an IPv6 address' first 64 bits, because whoever has these has all behind them
  /// (RFC 6177).
  public var network: Peer { Peer(high: high, low: family == 6 ? 0 : low, family: family, port: 0) }

  var withoutPort: Peer { Peer(high: high, low: low, family: family, port: 0) }
}
