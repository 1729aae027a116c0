import Files
import Foundation
import Hub
import HubCache
import Synchronization

/// Shows a download as it goes: on a terminal a bar that is written over, elsewhere only what makes it stand still.
final class PullDisplay: Sendable {
  private struct State: Sendable {
    var (files, finished, bytes, received) = (0, 0, 0, 0)
    var lastShown = ContinuousClock.now
  }

  private let name: String
  private let start = ContinuousClock.now
  private let state = Mutex(State())
  private static let width = 24

  private let isQuiet: Bool

  init(_ name: String) {
    self.name = name
    let wish = ProcessInfo.processInfo.environment["HF_HUB_DISABLE_PROGRESS_BARS"] ?? ""
    isQuiet = ["1", "ON", "YES", "TRUE"].contains(wish.uppercased())
  }

  /// Takes what happened, on any thread.
  func show(_ event: HubDownload.Event) {
    switch event {
    case .waiting(let seconds, let reason):
      Console.showProgress("")
      return Console.say("\(name): \(reason), \(String(format: "%.1f", seconds)) s")
    case .locked:
      Console.showProgress("")
      return Console.say("\(name): another process downloads it; waiting for that")
    default: break
    }
    state.withLock { state in
      switch event {
      case .planned(let files, let bytes):
        state.files += files
        state.bytes = state.bytes.addingReportingOverflow(bytes).partialValue
      case .received(let bytes): state.received += bytes
      case .finished: state.finished += 1
      default: break
      }
      let now = ContinuousClock.now
      if isQuiet { return }
      guard now - state.lastShown > .milliseconds(100) else { return }
      state.lastShown = now
      Console.showProgress(line(state, seconds: (now - start) / .seconds(1)))
    }
  }

  private func line(_ state: State, seconds: Double) -> String {
    let share = state.bytes > 0 ? min(1, Double(state.received) / Double(state.bytes)) : 0
    let full = Int(share * Double(Self.width))
    let bar =
      String(repeating: "#", count: full) + String(repeating: "-", count: Self.width - full)
    let rate = HubError.size(Int(Double(state.received) / max(seconds, 1e-3)))
    return "\(name) [\(bar)] \(HubError.size(state.received)) of \(HubError.size(state.bytes)), "
      + "\(state.finished) of \(state.files) files, \(rate)/s"
  }

  /// Wipes the line.
  func finish() { Console.showProgress("") }
}
