import Dispatch
import Foundation
import Synchronization

/// What is to be done before the program ends by a signal.
enum Interruption {
  private static let sources = Mutex<[any DispatchSourceSignal]>([])

  /// Runs `work` and ends the program at SIGINT or SIGTERM, with the exit code that shells expect.
  static func onEnd(_ work: @escaping @Sendable () -> Void) {
    sources.withLock { sources in
      for number in [SIGINT, SIGTERM] {
        signal(number, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
        source.setEventHandler {
          work()
          exit(128 + number)
        }
        source.resume()
        sources.append(source)
      }
    }
  }
}
