import Foundation

/// What was built beside the tests, and the model of the repository.
package enum BuiltMartlet {
  /// The repository.
  package static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
  /// The embedded model's directory.
  package static let model = root.appendingPathComponent("Models/sms-spam").path
  /// The program.
  package static let binary = product("martlet")

  /// An executable of this build.
  package static func product(_ name: String) -> URL {
    URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
      .appendingPathComponent(name)
  }

  /// Whether program and model are there.
  package static var isThere: Bool {
    FileManager.default.isExecutableFile(atPath: binary.path)
      && FileManager.default.fileExists(atPath: model + "/config.json")
  }

  /// Waits until something holds, at most a minute. The one place where tests pass the time.
  package static func wait(_ condition: () throws -> Bool) rethrows -> Bool {
    let end = ContinuousClock.now + .seconds(60)
    while ContinuousClock.now < end {
      if try condition() { return true }
      usleep(10_000)
    }
    return try condition()
  }

  /// Whether something that is to go on holding does so for a while: for what must not happen.
  package static func stays(for time: Duration, _ condition: () throws -> Bool) rethrows -> Bool {
    let end = ContinuousClock.now + time
    repeat {
      if try !condition() { return false }
      usleep(10_000)
    } while ContinuousClock.now < end
    return true
  }
}
