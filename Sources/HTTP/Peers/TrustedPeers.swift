/// The peers that are believed when they say whom they speak for: addresses and networks.
public struct TrustedPeers: Sendable, Equatable {
  private struct Network: Sendable, Equatable {
    let address: Peer
    /// Bits of the 128 that must agree.
    let bits: Int

    func contains(_ peer: Peer) -> Bool {
      peer.family == address.family
        && (peer.high ^ address.high) & Self.mask(bits) == 0
        && (peer.low ^ address.low) & Self.mask(bits - 64) == 0
    }

    private static func mask(_ bits: Int) -> UInt64 {
      bits <= 0 ? 0 : bits >= 64 ? .max : ~(UInt64.max >> UInt64(bits))
    }
  }

  private var networks: [Network] = []
  private var isEverybody = false
  private var hasUnix = true

  /// Nobody but Unix-domain sockets, whose clients the file system chooses.
  public init() {}

  /// The machine itself, which is Gunicorn's default.
  public static let loopback = TrustedPeers(networks: [
    Network(address: Peer(high: 0, low: 0xFFFF_7F00_0001, family: 4, port: 0), bits: 128),
    Network(address: Peer(high: 0, low: 1, family: 6, port: 0), bits: 128),
  ])

  private init(networks: [Network]) { self.networks = networks }

  /// Addresses and networks (`10.0.0.0/8`), with commas between; `*` for everybody.
  /// - Throws: `HTTPError.badAddress`.
  public init(_ list: String) throws(HTTPError) {
    for part in list.split(separator: ",") {
      let text = part.drop { $0 == " " }.prefix { $0 != " " }
      if text == "*" {
        isEverybody = true
        continue
      }
      let pieces = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
      guard let first = pieces.first, let address = Peer(first) else {
        throw .badAddress(String(part))
      }
      let width = address.family == 4 ? 32 : 128
      var bits = width
      if pieces.count == 2 {
        guard let given = Int(pieces[1]), (0...width).contains(given), pieces[1].first != "+" else {
          throw .badAddress(String(part))
        }
        bits = given
      }
      networks.append(Network(address: address, bits: bits + 128 - width))
    }
  }

  /// Whether a peer is believed.
  public func contains(_ peer: Peer) -> Bool {
    if isEverybody { return true }
    if peer.family == 1 { return hasUnix }
    return networks.contains { $0.contains(peer) }
  }
}
