import Foundation

/// `uri-host [ ":" port ]`: what stands in `Host`, in an absolute target and in CONNECT's (RFC 9110 section 7.2, RFC 3986
/// section 3.2).
///
/// A host is an IPv6 address in brackets or a `reg-name`, which IPv4 addresses are too. It is never empty (RFC 9110 section
/// 4.2.1). `IPvFuture` has no version that anybody speaks, so it is none.
enum Authority {
  /// Whether the bytes are one.
  /// - Parameter needsPort: whether a port must be there, as in CONNECT.
  static func isValid(_ bytes: ArraySlice<UInt8>, needsPort: Bool = false) -> Bool {
    let host: ArraySlice<UInt8>
    if bytes.first == UInt8(ascii: "[") {
      guard let end = bytes.firstIndex(of: UInt8(ascii: "]")),
        isIPv6Address(bytes[(bytes.startIndex + 1)..<end])
      else { return false }
      host = bytes[...end]
    } else {
      host = bytes.prefix { $0 != UInt8(ascii: ":") }
      if !isRegisteredName(host) { return false }
    }
    let rest = bytes[host.endIndex...]
    if rest.isEmpty { return !needsPort }
    return rest.first == UInt8(ascii: ":") && isPort(rest.dropFirst(), mayBeEmpty: !needsPort)
  }

  /// `reg-name` with at least one byte; `%00` is none.
  private static func isRegisteredName(_ bytes: ArraySlice<UInt8>) -> Bool {
    if bytes.isEmpty || !bytes.allSatisfy({ ByteSet.host.contains($0) }) { return false }
    return hasGoodPercents(bytes)
  }

  /// Whether each `%` is followed by two hexadecimal digits, and none encodes NUL.
  static func hasGoodPercents(_ bytes: ArraySlice<UInt8>) -> Bool {
    var index = bytes.startIndex
    while let mark = bytes[index...].firstIndex(of: UInt8(ascii: "%")) {
      guard mark + 2 < bytes.endIndex, let high = bytes[mark + 1].hexDigit,
        let low = bytes[mark + 2].hexDigit, high | low != 0
      else { return false }
      index = mark + 3
    }
    return true
  }

  private static func isPort(_ digits: ArraySlice<UInt8>, mayBeEmpty: Bool) -> Bool {
    if digits.isEmpty { return mayBeEmpty }
    var value = 0
    for digit in digits {
      guard (0x30...0x39).contains(digit) else { return false }
      value = value * 10 + Int(digit) - 0x30
      if value > 65535 { return false }
    }
    return true
  }

  /// `IPv6address`: at most eight groups of at most four digits, one `::` for those left out, the last two groups perhaps as
  /// IPv4. inet_pton(3) reads the same grammar, and knows no zones.
  private static func isIPv6Address(_ bytes: ArraySlice<UInt8>) -> Bool {
    var text = bytes.map { CChar(truncatingIfNeeded: $0) }
    if text.contains(0) { return false }
    text.append(0)
    var address = in6_addr()
    return inet_pton(AF_INET6, text, &address) == 1
  }
}
