import Dispatch
import Files
import Foundation
import JSON
import Synchronization
import Training

/// Runs the jobs of a search, several at a time.
final class TrialPool: Sendable {
  /// How a job is run.
  struct Command: Sendable {
    var arguments: [String]
    /// Where checkpoint, log and result of the trial stand.
    var folder: String
    /// Whether the trial ends with it.
    var isLast: Bool
  }

  private struct State: Sendable {
    var strategy: SearchStrategy
    var running: [String: Date] = [:]
    var best = 0.0
    var failure: JournalError?
    var isInterrupted = false
  }

  private let state: Mutex<State>
  private let executor: any TrialExecutor
  private let parallel: Int
  private let command: @Sendable (SearchJob) -> Command
  private let known: [SearchOutcome]
  private let journal: Mutex<TuningJournal>

  init(
    strategy: SearchStrategy, journal: sending TuningJournal, executor: any TrialExecutor,
    parallel: Int, command: @escaping @Sendable (SearchJob) -> Command
  ) {
    state = Mutex(State(strategy: strategy))
    known = journal.outcomes
    self.journal = Mutex(journal)
    (self.executor, self.parallel, self.command) = (executor, parallel, command)
  }

  /// Runs until nothing is left, and gives the epochs that were spent and all outcomes.
  ///
  /// - Throws: `JournalError`, or `SearchInterruption` where the executor was ended.
  func run() throws -> (epochs: Int, outcomes: [SearchOutcome]) {
    // Threads of their own, because each waits for a process elsewhere, however few cores are here.
    let group = DispatchGroup()
    for _ in 0..<parallel {
      group.enter()
      Thread.detachNewThread { [self] in
        work()
        group.leave()
      }
    }
    group.wait()
    let spent = try state.withLock { state in
      if let failure = state.failure { throw failure }
      if state.isInterrupted { throw SearchInterruption() }
      return state.strategy.spentEpochs
    }
    return (spent, journal.withLock { $0.outcomes })
  }

  private func work() {
    while true {
      let decision = state.withLock { state in
        state.failure == nil ? state.strategy.next() : .done
      }
      switch decision {
      case .done: return
      case .wait: Thread.sleep(forTimeInterval: 0.2)
      case .run(let job):
        let old = known.first { $0.trial == job.trial && $0.epochs == job.epochs }
        // A run that ended with the search says nothing, and is run again by the next.
        guard let outcome = old ?? execute(job) else {
          return state.withLock { $0.isInterrupted = true }
        }
        let failure = old == nil ? journal.withLock { Self.add(outcome, to: $0) } : nil
        state.withLock { state in
          state.failure = state.failure ?? failure
          state.strategy.report(outcome)
          state.best = max(state.best, outcome.score ?? 0)
          if old == nil { Self.show(outcome, state) }
        }
      }
    }
  }

  private static func add(_ outcome: SearchOutcome, to journal: TuningJournal) -> JournalError? {
    do {
      try journal.add(outcome)
      return nil
    } catch {
      return error as? JournalError
    }
  }

  /// The outcome of a job; nil where it was ended with the search.
  private func execute(_ job: SearchJob) -> SearchOutcome? {
    let command = command(job)
    let start = Date()
    func failed(_ reason: String) -> SearchOutcome {
      SearchOutcome(
        trial: job.trial, epochs: job.epochs, score: nil, loss: nil, tokens: 0,
        seconds: Date().timeIntervalSince(start), error: reason)
    }
    let log = command.folder + "/log.txt"
    let result = command.folder + "/result.json"
    do {
      try Folder.make(command.folder)
      try? FileManager.default.removeItem(atPath: result)
      let code = try executor.run(arguments: command.arguments, log: log)
      guard code == 0, let data = FileManager.default.contents(atPath: result) else {
        return failed("exit code \(code), see \(log)")
      }
      let json = try JSONValue(parsing: data)
      if command.isLast {
        try? FileManager.default.removeItem(
          atPath: command.folder + "/checkpoint.safetensors")
      }
      return SearchOutcome(
        trial: job.trial, epochs: job.epochs, score: json["score"]?.doubleValue,
        loss: json["loss"]?.doubleValue, tokens: json["tokens"]?.intValue ?? 0,
        seconds: Date().timeIntervalSince(start))
    } catch is SearchInterruption {
      return nil
    } catch {
      return failed(FileError.words(of: error))
    }
  }

  private static func show(_ outcome: SearchOutcome, _ state: State) {
    let values = outcome.trial.values.sorted { $0.key < $1.key }
      .map { "\($0.key) \($0.value)" }.joined(separator: ", ")
    let figure =
      outcome.score.map { String(format: "%.2f %%", $0 * 100) }
      ?? "failed (\(outcome.error ?? ""))"
    Console.say(
      String(
        format: "trial %d of %d, %d epochs: %@ (best %.2f %%), %@", outcome.trial.number + 1,
        state.strategy.trialCount, outcome.epochs, figure, state.best * 100, values))
  }
}
