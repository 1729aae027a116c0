import COpenSSL
import Files
import Foundation

/// The tokens of a file, of which a request must carry one as `Authorization: Bearer TOKEN` (RFC 6750).
///
/// A line is `NAME:TOKEN`, with a rate limit of its own behind it if need be: `NAME:TOKEN 10/s`. In place of a token its
/// SHA-256 digest may stand, `NAME:sha256:` and 64 hexadecimal digits, so that the file gives no token away. The word `low` at the
/// end lets all others go first: `batch:TOKEN low`. Empty lines and lines that begin with `#` are skipped. Names may be logged; tokens
/// never are.
public struct AccessTokens: Sendable {
  /// One line of the file.
  struct Entry: Sendable {
    let name: String
    let secret: [UInt8]
    /// Whether `secret` is the token's digest.
    let isDigest: Bool
    let limit: RateLimit?
    /// Its counter in `RateLimiter`.
    let counter: Int
    /// Whether others go first.
    var isLow = false

    /// Its share of a worker's time beside another's.
    var weight: Double { isLow ? 0.1 : 1 }
  }

  let entries: [Entry]
  private let hasDigests: Bool
  /// What the operator should know of the file.
  public let warnings: [String]

  /// Shortest and longest token in bytes: 16 is 96 bits in Base64.
  public static let tokenLengths = 16...512

  /// Reads a file.
  /// - Parameters:
  ///   - limit: for tokens without a limit of their own; nil for none.
  ///   - counters: which counter each name has; names that are new get one, so that a reload forgets nobody's count.
  /// - Throws: `ServingError.badTokens`.
  public init(
    path: String, limit: RateLimit?, counters: inout [String: Int]
  ) throws(ServingError) {
    let reader: ByteReader
    do {
      let bytes = try ByteReader.contents(of: path, limit: 1 << 20)
      reader = ByteReader(bytes, name: path)
    } catch {
      throw .badTokens(path: path, line: nil, reason: "it cannot be read: \(error.reason)")
    }
    var warnings: [String] = []
    var status = stat()
    if stat(path, &status) == 0, status.st_mode & 0o077 != 0 {
      warnings.append(
        "the token file \(path) can be read by others (mode \(String(status.st_mode & 0o777, radix: 8))): chmod 600 \(path)"
      )
    }
    var entries: [Entry] = []
    var (names, digests) = (Set<String>(), Set<[UInt8]>())
    while let line = try? reader.line() {
      let words = line.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
      guard let first = words.first?.first, first != UInt8(ascii: "#") else { continue }
      let number = reader.lineNumber
      let entry = try Self.entry(words, line: number, path: path, limit: limit, counters: &counters)
      let digest = entry.isDigest ? entry.secret : sha256(entry.secret)
      if !names.insert(entry.name).inserted || !digests.insert(digest).inserted {
        throw .badTokens(path: path, line: number, reason: "its name or token is there already")
      }
      entries.append(entry)
    }
    if entries.isEmpty {
      throw .badTokens(path: path, line: nil, reason: "it holds no token")
    }
    self.entries = entries
    hasDigests = entries.contains(where: \.isDigest)
    self.warnings = warnings
  }

  private static func entry(
    _ words: [ArraySlice<UInt8>], line: Int, path: String, limit: RateLimit?,
    counters: inout [String: Int]
  ) throws(ServingError) -> Entry {
    // The line is not quoted in errors: they are logged.
    func bad(_ reason: String) -> ServingError {
      .badTokens(path: path, line: line, reason: reason)
    }
    guard let colon = words[0].firstIndex(of: UInt8(ascii: ":")), colon > words[0].startIndex,
      words.count <= 3, let name = String(validating: words[0][..<colon], as: UTF8.self)
    else { throw bad("it is not NAME:TOKEN, NAME:TOKEN 10/s or NAME:TOKEN low") }
    let written = words[0][(colon + 1)...]
    let isDigest = written.starts(with: "sha256:".utf8)
    let secret = isDigest ? digest(hexadecimal: written.dropFirst(7)) : Array(written)
    guard let secret else { throw bad("behind sha256: stand 64 hexadecimal digits") }
    guard isDigest || isToken(secret) else {
      throw bad(
        "a token has \(tokenLengths.lowerBound) to \(tokenLengths.upperBound) of A-Z a-z 0-9 - . _ ~ + / ="
      )
    }
    let isLow = words.count > 1 && words.last?.elementsEqual("low".utf8) == true
    var own = limit
    if words.count > (isLow ? 2 : 1) {
      do { own = try RateLimit(String(decoding: words[1], as: UTF8.self), option: "limit") } catch {
        throw bad("behind its token stands neither a limit like 10/s nor the word low")
      }
    }
    if words.count > (isLow ? 3 : 2) {
      throw bad("more than a limit and the word low stand behind its token")
    }
    let counter = counters[name] ?? counters.count
    guard counter < RateLimiter.capacity else {
      throw bad("there have been more than \(RateLimiter.capacity) names")
    }
    counters[name] = counter
    return Entry(
      name: name, secret: secret, isDigest: isDigest, limit: own, counter: counter, isLow: isLow)
  }

  /// RFC 6750 section 2.1: what a bearer token may hold.
  private static func isToken(_ secret: [UInt8]) -> Bool {
    tokenLengths.contains(secret.count)
      && secret.allSatisfy {
        switch $0 {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"):
          true
        default: "-._~+/=".utf8.contains($0)
        }
      }
  }

  private static func digest(hexadecimal text: ArraySlice<UInt8>) -> [UInt8]? {
    let digits = text.compactMap { Character(UnicodeScalar($0)).hexDigitValue }
    guard digits.count == 64, text.count == 64 else { return nil }
    return (0..<32).map { UInt8(digits[2 * $0] << 4 | digits[2 * $0 + 1]) }
  }

  /// The entry whose token `authorization` carries.
  ///
  /// Every token is compared with every byte that was sent, or with the digest of them, so that the time tells neither whether
  /// one is near nor which it is.
  func entry(authorization: ArraySlice<UInt8>?) -> Entry? {
    let scheme = Array("bearer ".utf8)
    guard let authorization, authorization.count > scheme.count,
      authorization.prefix(scheme.count).map({ $0 | 0x20 }).elementsEqual(scheme)
    else { return nil }
    let sent = authorization.dropFirst(scheme.count)
    guard sent.count <= Self.tokenLengths.upperBound else { return nil }
    let digest = hasDigests ? sha256(Array(sent))[...] : []
    var found = -1
    for (index, entry) in entries.enumerated() {
      let isEqual = isEqualInConstantTime(entry.secret, entry.isDigest ? digest : sent)
      found = isEqual ? index : found
    }
    return found < 0 ? nil : entries[found]
  }
}

/// The SHA-256 digest (FIPS 180-4).
private func sha256(_ bytes: [UInt8]) -> [UInt8] {
  var digest = [UInt8](repeating: 0, count: 32)
  _ = copenssl_sha256(bytes, bytes.count, &digest)
  return digest
}

/// Compares secrets in a time that depends on the length of what was sent alone.
func isEqualInConstantTime(_ secret: [UInt8], _ sent: ArraySlice<UInt8>?) -> Bool {
  guard let sent, !secret.isEmpty else { return false }
  var difference = secret.count ^ sent.count
  for (index, byte) in sent.enumerated() {
    difference |= Int(byte ^ secret[index % secret.count])
  }
  return difference == 0
}
