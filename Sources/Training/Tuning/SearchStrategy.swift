import Foundation

/// One combination of options.
public struct SearchTrial: Sendable, Equatable, Codable {
  /// From 0, in the order in which trials were begun.
  public var number: Int
  /// Values by option.
  public var values: [String: String]

  /// A trial.
  public init(number: Int, values: [String: String]) {
    (self.number, self.values) = (number, values)
  }
}

/// What is to be run next: a trial, up to so many epochs.
public struct SearchJob: Sendable, Equatable {
  /// The trial.
  public var trial: SearchTrial
  /// Epochs that it has behind it when the job is done.
  public var epochs: Int

  /// A job.
  public init(trial: SearchTrial, epochs: Int) { (self.trial, self.epochs) = (trial, epochs) }
}

/// How a job ended.
public struct SearchOutcome: Sendable, Equatable, Codable {
  /// The trial.
  public var trial: SearchTrial
  /// Epochs that it has behind it.
  public var epochs: Int
  /// Best validation score so far; nil where the run failed.
  public var score: Double?
  /// Validation loss there.
  public var loss: Double?
  /// Tokens that the trial has read in all.
  public var tokens: Int
  /// Seconds of the job.
  public var seconds: Double
  /// Why the run failed.
  public var error: String?

  /// An outcome.
  public init(
    trial: SearchTrial, epochs: Int, score: Double?, loss: Double?, tokens: Int,
    seconds: Double, error: String? = nil
  ) {
    (self.trial, self.epochs, self.score, self.loss) = (trial, epochs, score, loss)
    (self.tokens, self.seconds, self.error) = (tokens, seconds, error)
  }
}

/// Decides what to run next from what is known. The same seed and outcomes give the same decisions.
public struct SearchStrategy: Sendable {
  /// The ways to search.
  public enum Kind: String, Sendable, CaseIterable {
    /// Every combination.
    case grid
    /// Independent draws (Bergstra and Bengio, 2012).
    case random
    /// Draws that fill the space evenly.
    case sobol
    /// Asynchronous successive halving (Li et al., 2020): many begin, the best of each rung go on.
    case asha
  }

  /// What `next` says.
  public enum Decision: Sendable, Equatable {
    /// Run this.
    case run(SearchJob)
    /// Nothing until a job that is under way ends.
    case wait
    /// Nothing more.
    case done
  }

  private let space: SearchSpace
  private let kind: Kind
  private let rungs: [Int]
  private let keep: Int
  private let trials: [SearchTrial]
  private let budget: Int
  private var begun = 0
  private var running = 0
  private var spent = 0
  /// The highest rung that a trial is on its way to.
  private var highest = 0
  private var results: [Int: [(trial: Int, score: Double)]] = [:]
  private var promoted: [Int: Set<Int>] = [:]

  /// A search over `space`.
  ///
  /// - Parameters:
  ///   - trials: combinations to try; a grid tries all of its own.
  ///   - points: values of each range in a grid.
  ///   - epochs: epochs of a whole run.
  ///   - firstRung: epochs after which ASHA first compares.
  ///   - keep: ASHA lets one in so many go on, so many times further.
  ///   - budget: epochs of all runs together, at which no more begin; 0 for no limit.
  public init(
    _ kind: Kind, space: SearchSpace, trials count: Int, points: Int, epochs: Int,
    firstRung: Int = 1, keep: Int = 3, budget: Int = 0, seed: UInt64
  ) {
    self.kind = kind
    self.space = space
    self.keep = max(2, keep)
    self.budget = budget
    var rungs = [epochs]
    if kind == .asha {
      rungs = []
      var rung = max(1, firstRung)
      while rung < epochs {
        rungs.append(rung)
        rung *= self.keep
      }
      rungs.append(epochs)
    }
    self.rungs = rungs
    var generator = SeededGenerator(seed: seed)
    var sobol = SobolSequence(
      dimensions: min(max(1, space.dimensions.count), SobolSequence.mostDimensions), seed: seed)
    let all: [[String: String]]
    switch kind {
    case .grid: all = space.grid(points: points)
    case .random:
      all = (0..<count).map { _ in
        space.values(space.dimensions.map { _ in generator.unit() })
      }
    case .sobol, .asha:
      all = (0..<count).map { _ in
        let point = sobol.next()
        return space.values(
          space.dimensions.indices.map { $0 < point.count ? point[$0] : generator.unit() })
      }
    }
    trials = all.enumerated().map { SearchTrial(number: $0, values: $1) }
  }

  /// Trials that the search will begin at most.
  public var trialCount: Int { trials.count }
  /// Epochs run so far by all trials together.
  public var spentEpochs: Int { spent }

  /// What to run next.
  public mutating func next() -> Decision {
    if let decision = promotion(forced: false) { return decision }
    if begun < trials.count && isAffordable(0) {
      begun += 1
      return start(trials[begun - 1], 0)
    }
    if running > 0 { return .wait }
    // Nothing else is left to do: the one that leads goes on, however few it was compared with.
    return promotion(forced: true) ?? .done
  }

  private mutating func start(_ trial: SearchTrial, _ rung: Int) -> Decision {
    running += 1
    spent += cost(rung)
    highest = max(highest, rung)
    return .run(SearchJob(trial: trial, epochs: rungs[rung]))
  }

  private func cost(_ rung: Int) -> Int { rungs[rung] - (rung > 0 ? rungs[rung - 1] : 0) }

  /// Whether the budget bears a job that ends on `rung` and, after it, the way of the furthest trial to the
  /// end: the best is to be known by a whole run.
  private func isAffordable(_ rung: Int) -> Bool {
    if budget == 0 { return true }
    let whole = rungs[rungs.count - 1]
    let reserve = budget >= whole ? whole - rungs[max(rung, highest)] : 0
    return spent + cost(rung) + reserve <= budget
  }

  private mutating func promotion(forced: Bool) -> Decision? {
    for rung in rungs.indices.dropLast().reversed() {
      guard let trial = promotable(rung, forced: forced) else { continue }
      promoted[rung, default: []].insert(trial)
      return start(trials[trial], rung + 1)
    }
    return nil
  }

  /// The best trial of a rung that is among its best part and has not gone on; with `forced` the best of
  /// all, where none has.
  private func promotable(_ rung: Int, forced: Bool) -> Int? {
    guard isAffordable(rung + 1) else { return nil }
    let ranked = (results[rung] ?? []).sorted { ($1.score, $0.trial) < ($0.score, $1.trial) }
    let gone = promoted[rung] ?? []
    let count = forced && gone.isEmpty ? 1 : ranked.count / keep
    return ranked.prefix(count).first { !gone.contains($0.trial) && $0.score > -.infinity }?.trial
  }

  /// Takes an outcome into account.
  public mutating func report(_ outcome: SearchOutcome) {
    running -= 1
    guard let rung = rungs.firstIndex(of: outcome.epochs) else { return }
    results[rung, default: []].append(
      (outcome.trial.number, outcome.score ?? -.infinity))
  }
}
