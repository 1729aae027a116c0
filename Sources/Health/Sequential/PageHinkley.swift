/// Page and Hinkley's test for a change of a stream's mean (Page 1954): sums of deviations from the running mean, and how far
/// they have come from their extreme. Definitions and defaults are river's `drift.PageHinkley`.
public struct PageHinkley: Sendable, Codable {
  /// Which changes count.
  public enum Direction: Sendable, Codable { case up, down, both }

  /// Values before which nothing is said.
  public var minimumCount = 30
  /// The change of the mean that is tolerated.
  public var delta = 0.005
  /// What a sum's distance from its extreme must pass.
  public var threshold = 50.0
  /// How much of the sums is kept at each step.
  public var decay = 1 - 0.0001
  /// Which changes count.
  public var direction = Direction.both
  /// Whether the latest value showed a change.
  public private(set) var isDrift = false
  private var count = 0
  private var mean = 0.0
  private var (up, down) = (0.0, 0.0)
  private var (leastUp, mostDown) = (Double.infinity, -Double.infinity)

  /// A test that has seen nothing.
  public init() {}

  /// Takes in one value.
  /// - Returns: whether the mean has changed; the test then begins anew.
  public mutating func add(_ value: Double) -> Bool {
    if isDrift { reset() }
    count += 1
    mean += (value - mean) / Double(count)
    let deviation = value - mean
    up = decay * up + deviation - delta
    down = decay * down + deviation + delta
    leastUp = min(leastUp, up)
    mostDown = max(mostDown, down)
    guard count >= minimumCount else { return false }
    let hasRisen = up - leastUp > threshold
    let hasFallen = mostDown - down > threshold
    switch direction {
    case .up: isDrift = hasRisen
    case .down: isDrift = hasFallen
    case .both: isDrift = hasRisen || hasFallen
    }
    return isDrift
  }

  private mutating func reset() {
    (count, mean, isDrift) = (0, 0, false)
    (up, down) = (0, 0)
    (leastUp, mostDown) = (.infinity, -.infinity)
  }
}
