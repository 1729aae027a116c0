/// The Drift Detection Method (Gama 2004) over a stream of right and wrong: the error rate and its deviation against the
/// least that their sum has been. Definitions and defaults are river's `drift.binary.DDM`.
public struct DriftDetectionMethod: Sendable, Codable {
  private struct Least: Sendable, Codable {
    var rate = Double.infinity
    var deviation = Double.infinity
    var sum = Double.infinity
  }

  /// What the stream is like.
  public enum State: Sendable, Codable { case stable, warning, drift }

  /// Values before which nothing is said.
  public var warmUp = 30
  /// Deviations above the least that are a warning.
  public var warningLevel = 2.0
  /// Deviations above the least that are drift.
  public var driftLevel = 3.0
  /// The state after the latest value.
  public private(set) var state = State.stable
  private var count = 0.0
  private var rate = 0.0
  private var least = Least()

  /// A method that has seen nothing.
  public init() {}

  /// Takes in one outcome.
  public mutating func add(isError: Bool) -> State {
    if state == .drift { self = restarted() }
    count += 1
    rate += ((isError ? 1 : 0) - rate) / count
    let deviation = (rate * (1 - rate) / count).squareRoot()
    guard count > Double(warmUp) else { return .stable }
    if rate + deviation <= least.sum {
      least = Least(rate: rate, deviation: deviation, sum: rate + deviation)
    }
    let sum = rate + deviation
    if sum > least.rate + driftLevel * least.deviation {
      state = .drift
    } else if sum > least.rate + warningLevel * least.deviation {
      state = .warning
    } else {
      state = .stable
    }
    return state
  }

  private func restarted() -> DriftDetectionMethod {
    var fresh = DriftDetectionMethod()
    (fresh.warmUp, fresh.warningLevel, fresh.driftLevel) = (warmUp, warningLevel, driftLevel)
    return fresh
  }
}
