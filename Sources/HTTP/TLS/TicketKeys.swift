import COpenSSL
import Foundation

/// The keys of session tickets (RFC 5077, RFC 8446 section 4.6.1), the same in every worker.
///
/// A secret made before the fork is hashed forward once each period, and the keys of a period are
/// hashes of it, so that all workers turn to new keys at the same time without a word between
/// them, and a key that has gone cannot be had back from memory. Tickets of the period before are
/// still opened.
public final class TicketKeys: @unchecked Sendable {
  // Before the fork in the arbiter's one thread, after it on the I/O queue alone.
  let storage: UnsafeMutablePointer<copenssl_ticket_keys>
  private var secret: [UInt8]
  private var period: Int

  /// Seconds that a key makes tickets; it opens them for as long again.
  public static let periodSeconds = 43200

  /// New keys.
  /// - Parameter seconds: now, since 1970.
  /// - Throws: `HTTPError.tls` if the system gives no random bytes.
  public init(now seconds: Int) throws(HTTPError) {
    var secret = [UInt8](repeating: 0, count: 32)
    guard copenssl_random(&secret, 32) == 1 else {
      throw .tls(file: nil, reason: "the system gives no random bytes")
    }
    self.secret = secret
    period = seconds / Self.periodSeconds
    storage = .allocate(capacity: 1)
    storage.initialize(to: copenssl_ticket_keys())
    setKeys(of: secret, at: 0)
    setKeys(of: Self.hash(secret, "none before"), at: 1)
  }

  deinit { storage.deallocate() }

  /// Turns to the keys of the present period; cheap when they are in place.
  public func advance(to seconds: Int) {
    let wanted = seconds / Self.periodSeconds
    if wanted <= period { return }
    // After more than two periods nothing of the old keys is left to keep.
    for _ in 0..<min(wanted - period, 10_000) {
      let old = secret
      secret = Self.hash(secret, "next")
      setKeys(of: old, at: 1)
    }
    setKeys(of: secret, at: 0)
    period = wanted
  }

  /// What names the present key in a ticket.
  public var name: [UInt8] { withUnsafeBytes(of: storage.pointee.name.0) { Array($0) } }

  /// What names the key before it.
  public var previousName: [UInt8] { withUnsafeBytes(of: storage.pointee.name.1) { Array($0) } }

  private func setKeys(of secret: [UInt8], at index: Int) {
    let name = Self.hash(secret, "name")
    let cipher = Self.hash(secret, "cipher")
    let digest = Self.hash(secret, "digest")
    withUnsafeMutableBytes(of: &storage.pointee.name) {
      $0[(16 * index)..<(16 * index + 16)].copyBytes(from: name.prefix(16))
    }
    withUnsafeMutableBytes(of: &storage.pointee.cipher) {
      $0[(32 * index)..<(32 * index + 32)].copyBytes(from: cipher)
    }
    withUnsafeMutableBytes(of: &storage.pointee.digest) {
      $0[(32 * index)..<(32 * index + 32)].copyBytes(from: digest)
    }
  }

  private static func hash(_ secret: [UInt8], _ purpose: String) -> [UInt8] {
    let input = secret + purpose.utf8
    var digest = [UInt8](repeating: 0, count: 32)
    _ = copenssl_sha256(input, input.count, &digest)
    return digest
  }
}

extension Slice where Base == UnsafeMutableRawBufferPointer {
  fileprivate func copyBytes(from bytes: some Collection<UInt8>) {
    UnsafeMutableRawBufferPointer(rebasing: self).copyBytes(from: bytes)
  }
}
