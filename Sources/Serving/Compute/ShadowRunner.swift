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
        outcome: .compared(agrees: own.agrees(with: answer), nanoseconds: Clock.now - start))
    }
  }
}

extension Prediction {
  /// Whether two versions' answers mean the same: equal labels, scores within 0.05, vectors with a cosine of 0.99 and more.
  func agrees(with other: Prediction) -> Bool {
    switch (value, other.value) {
    case (.label(let a, _), .label(let b, _)): return a == b
    case (.labels(let a, _), .labels(let b, _)): return Set(a) == Set(b)
    case (.tokens(let a), .tokens(let b)): return a.map(\.labelIndex) == b.map(\.labelIndex)
    case (.scores(let a), .scores(let b)):
      return a.count == b.count && zip(a, b).allSatisfy { abs($0 - $1) <= 0.05 }
    case (.vector(let a), .vector(let b)):
      func dot(_ x: [Float], _ y: [Float]) -> Double {
        zip(x, y).reduce(0) { $0 + Double($1.0) * Double($1.1) }
      }
      return a.count == b.count && dot(a, b) >= 0.99 * (dot(a, a) * dot(b, b)).squareRoot()
    default: return false
    }
  }
}
