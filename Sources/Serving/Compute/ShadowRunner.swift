import CSystem
import Foundation
import Synchronization
import Transformer

/// Asks shadow versions what they would have said, and counts how often it is what the primary said.
///
/// A thread of its own under the scheduler's idle policy (sched(7), SCHED_IDLE), so that it computes only when nothing else of
/// this machine wants the core. What waits is bounded; past the bound, or where the list is being read this moment, a
/// comparison is dropped and counted, so that the primary never waits for its shadow.
final class ShadowRunner: @unchecked Sendable {
  /// One request's texts, with what they were answered.
  private struct Comparison: Sendable {
    let inputs: [TextInput]
    let answers: [Prediction]
    let shadow: ServedVersion
  }

  private let waiting = Mutex<[Comparison]>([])
  private let wakeup = DispatchSemaphore(value: 0)
  private let maximumWaiting: Int
  private let recorder: (any ServingRecorder)?

  /// Begins to wait for comparisons.
  init(maximumWaiting: Int = 64, recorder: (any ServingRecorder)?) {
    self.maximumWaiting = maximumWaiting
    self.recorder = recorder
    let thread = Thread { [self] in
      _ = martlet_use_idle_policy()
      while true { run() }
    }
    thread.name = "martlet.shadow"
    thread.start()
  }

  /// Takes a comparison, or drops it. On the compute queue.
  func offer(_ inputs: [TextInput], answered answers: [Prediction], to shadow: ServedVersion) {
    // Not `withLock`: an idle thread that holds the lock may not run for long.
    let isTaken = waiting.withLockIfAvailable { waiting in
      if waiting.count >= maximumWaiting { return false }
      waiting.append(Comparison(inputs: inputs, answers: answers, shadow: shadow))
      return true
    }
    if isTaken == true {
      wakeup.signal()
    } else {
      recorder?.record(version: shadow, outcome: .dropped(texts: inputs.count))
    }
  }

  private func run() {
    wakeup.wait()
    guard let next = waiting.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) else { return }
    for (input, answer) in zip(next.inputs, next.answers) {
      let start = Clock.now
      // One text at a time, so that the core is free again soon.
      let predictor = next.shadow.predictor
      let own: Prediction
      do {
        guard let result = try predictor.predict([predictor.encode(input)]).first else { continue }
        own = try result.get()
      } catch {
        recorder?.record(version: next.shadow, outcome: .failed)
        if error as? PredictionError == .notFinite {
          recorder?.record(version: next.shadow, outcome: .notFinite(texts: 1))
        }
        continue
      }
      recorder?.record(
        version: next.shadow,
        outcome: .compared(
          agrees: own.value.agrees(with: answer.value), nanoseconds: Clock.now - start))
    }
  }
}
