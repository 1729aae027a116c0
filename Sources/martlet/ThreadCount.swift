import ArgumentParser
import Foundation

/// How many threads a command computes with.
struct ThreadCount: ExpressibleByArgument {
  /// One for each core.
  static let all = ThreadCount(given: 0)
  /// One alone.
  static let one = ThreadCount(given: 1)
  /// More than any machine has cores would only be memory and switches.
  private static let most = 1024

  /// As the option has it; 0 for all cores.
  let given: Int

  private init(given: Int) { self.given = given }

  init?(argument: String) {
    guard let given = Int(argument), (0...Self.most).contains(given) else { return nil }
    self.given = given
  }

  var defaultValueDescription: String { "\(given)" }

  /// Threads, at least one.
  var count: Int { given > 0 ? given : ProcessInfo.processInfo.activeProcessorCount }
}
