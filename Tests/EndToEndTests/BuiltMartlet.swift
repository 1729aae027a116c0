import Foundation

/// The binary that was built beside the tests, and the model of the repository.
enum BuiltMartlet {
  static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
  static let model = root.appendingPathComponent("Models/sms-spam").path
  static let binary = URL(fileURLWithPath: CommandLine.arguments[0])
    .deletingLastPathComponent().appendingPathComponent("martlet")

  static var isThere: Bool {
    FileManager.default.isExecutableFile(atPath: binary.path)
      && FileManager.default.fileExists(atPath: model + "/config.json")
  }

  /// Waits until something holds, at most a minute.
  static func wait(_ condition: () -> Bool) -> Bool {
    let end = ContinuousClock.now + .seconds(60)
    while ContinuousClock.now < end {
      if condition() { return true }
      usleep(20_000)
    }
    return condition()
  }
}
