/// Decides how soon a dead worker is replaced.
///
/// A worker that served for a while is replaced at once, however often that happens. One that dies before it serves, or
/// just after, would die again: each such death in a row doubles the wait, so that a broken program is a slow drip of
/// forks and not a storm.
struct CrashBackoff {
  /// A worker that dies younger than this, in nanoseconds, counts as broken.
  static let youth: UInt64 = 500_000_000
  /// Deaths in a row that are replaced at once.
  static let free = 2
  /// Deaths in a row from which on the pool is said to be in a crash loop.
  static let loop = 5
  /// The longest wait, in nanoseconds.
  static let longest: UInt64 = 10_000_000_000

  private(set) var deathsInARow = 0
  private var notBefore: UInt64 = 0

  /// Whether workers keep dying young.
  var isLooping: Bool { deathsInARow >= Self.loop }

  /// Whether a fork may be tried now.
  func allowsFork(at now: UInt64) -> Bool { now >= notBefore }

  /// Takes note of a death that nobody asked for.
  /// - Parameters:
  ///   - age: nanoseconds since the fork.
  ///   - hadServed: whether it had said that it was ready.
  mutating func recordDeath(age: UInt64, hadServed: Bool, at now: UInt64) {
    guard age < Self.youth || !hadServed else { return }
    deathsInARow += 1
    guard deathsInARow > Self.free else { return }
    hold(
      for: min(Self.longest, 200_000_000 << UInt64(min(deathsInARow - Self.free - 1, 8))), at: now)
  }

  /// Lets no fork happen for a while.
  mutating func hold(for nanoseconds: UInt64, at now: UInt64) {
    notBefore = now + nanoseconds
  }

  /// All workers serve, and none is young.
  mutating func recordHealth() {
    deathsInARow = 0
  }
}
