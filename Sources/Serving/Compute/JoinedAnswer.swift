import Synchronization
import Transformer

/// What the jobs of one request say, until all of it is there.
final class JoinedAnswer: Sendable {
  private struct State {
    var predictions: [Int: [Prediction]] = [:]
    var isOver = false
  }

  private let count: Int
  private let state = Mutex(State())

  /// Of a request that asks `count` versions.
  init(count: Int) { self.count = count }

  /// Whether the request has its answer, so that what remains of it need not be computed.
  var isOver: Bool { state.withLock { $0.isOver } }

  /// Takes what some of the versions say, whose places among all are `places`.
  ///
  /// - Returns: what all say in their order, once the last is there.
  func add(_ predictions: [[Prediction]], at places: [Int]) -> [[Prediction]]? {
    state.withLock { state in
      for (place, own) in zip(places, predictions) { state.predictions[place] = own }
      guard state.predictions.count == count, !state.isOver else { return nil }
      state.isOver = true
      return (0..<count).compactMap { state.predictions[$0] }
    }
  }

  /// Ends it before its time; false where it was over already.
  func end() -> Bool {
    state.withLock { state in
      defer { state.isOver = true }
      return !state.isOver
    }
  }
}
