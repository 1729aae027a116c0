/// Decides when the hook of `--on-retrain` runs: once the verdict has stood long enough, and not again within a time of rest.
/// A plain value without a clock.
public struct RetrainTrigger: Sendable, Equatable {
  /// What was set.
  public struct Options: Sendable, Equatable {
    /// Seconds that the verdict must have stood; other verdicts shorter than that in between change nothing.
    public var holdSeconds = 60.0
    /// Seconds from one run to the next.
    public var coolDownSeconds = 21_600.0
    /// Labelled texts that must have come since the verdict was last "keep", where texts are kept.
    public var minimumLabels = 200

    /// The defaults.
    public init() {}
  }

  /// What was set.
  public let options: Options
  /// When the hook last ran, in seconds since 1970; nil if never.
  public private(set) var lastRun: Double?
  /// Labelled texts that have come since the verdict was last "keep".
  public private(set) var freshLabels = 0
  private var labelsAtKeep = 0
  private var wantedSince: Double?
  private var otherSince: Double?

  /// - Parameter lastRun: as an earlier process noted it down.
  public init(options: Options, lastRun: Double? = nil) {
    (self.options, self.lastRun) = (options, lastRun)
  }

  /// Looks once.
  /// - Parameters:
  ///   - action: the verdict now.
  ///   - labels: labelled texts that have ever come; nil where texts are not kept, so that the hook has to find its own.
  /// - Returns: whether the hook is to run now.
  public mutating func observe(_ action: Verdict.Action, labels: Int?, at time: Double) -> Bool {
    // A clock that jumped back must not hold it for years.
    lastRun = lastRun.map { min($0, time) }
    if action == .keep { labelsAtKeep = labels ?? 0 }
    freshLabels = (labels ?? 0) - labelsAtKeep
    guard action == .retrain else {
      otherSince = min(otherSince ?? time, time)
      if let otherSince, time - otherSince >= options.holdSeconds { wantedSince = nil }
      return false
    }
    otherSince = nil
    wantedSince = min(wantedSince ?? time, time)
    guard let wantedSince, time - wantedSince >= options.holdSeconds else { return false }
    if let lastRun, time - lastRun < options.coolDownSeconds { return false }
    if labels != nil, freshLabels < options.minimumLabels { return false }
    lastRun = time
    return true
  }
}
