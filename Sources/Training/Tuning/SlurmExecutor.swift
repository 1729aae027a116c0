import Files
import Foundation
import Synchronization

/// Why a search's run on Slurm has no end.
public enum SlurmError: Error, Equatable, LocalizedError {
  /// `sbatch` took nothing.
  case notSubmitted(reason: String)
  /// The task is not in the queue any more, and did not say how it ended.
  case lost(job: String, log: String)

  /// What, where and how to mend it.
  public var errorDescription: String? {
    switch self {
    case .notSubmitted(let reason):
      return "sbatch: \(reason). Try `sinfo`, and give what your cluster asks for with "
        + "--slurm-options, such as '--partition=cpu --time=60 --account=NAME'."
    case .lost(let job, let log):
      return "Slurm's job \(job) left the queue without an end: cancelled, out of time or memory, "
        + "or a node that failed. See `sacct -j \(job)` and \(log); the same command runs it again."
    }
  }
}

/// Runs trials as tasks of Slurm's job arrays: runs that are asked for at about the same time go into one array.
///
/// The folder must be one that all nodes see, as Slurm's users have it. Slurm's own programs are asked, by their
/// documented options: `sbatch --parsable --array`, `squeue`, `scancel`.
public final class SlurmExecutor: TrialExecutor {
  private struct State: Sendable {
    var waiting: [SlurmArray.Task] = []
    var rounds = 0
    /// The arrays by round, or why there is none.
    var submitted: [Int: Result<Submission, SlurmError>] = [:]
  }

  private struct Submission: Sendable {
    var job: String
    var array: SlurmArray
  }

  /// How often a task asks whether it is in the queue.
  private static let queueInterval = Duration.seconds(5)
  /// How long the file of a task that has left the queue may take to be seen.
  private static let fileDelay = Duration.seconds(10)

  private let folder: String
  private let options: [String]
  private let threads: Int
  private let gathering: TimeInterval
  private let interval: TimeInterval
  private let say: @Sendable (String) -> Void
  private let state = Mutex(State())

  /// - Parameters:
  ///   - folder: where the arrays' files go; all nodes must see it at the same path.
  ///   - options: further options of `sbatch`.
  ///   - threads: cores that each task asks for.
  ///   - gathering: seconds for which runs are gathered into one array.
  ///   - interval: seconds between two looks at a run.
  ///   - say: takes a line for the user.
  public init(
    folder: String, options: [String], threads: Int, gathering: TimeInterval = 0.5,
    interval: TimeInterval = 0.5, say: @escaping @Sendable (String) -> Void
  ) {
    self.folder = URL(fileURLWithPath: folder).standardizedFileURL.path
    (self.options, self.threads) = (options, threads)
    (self.gathering, self.interval, self.say) = (gathering, interval, say)
  }

  /// Submits the run with those that come at the same time, and waits for its end.
  ///
  /// - Throws: `SlurmError`.
  public func run(arguments: [String], log: String) throws -> Int32 {
    let task = SlurmArray.Task(words: [ProcessExecutor.binary] + arguments, log: log)
    let (round, number) = state.withLock { state in
      state.waiting.append(task)
      return (state.rounds, state.waiting.count - 1)
    }
    // The first of a round submits for all of it.
    if number == 0 {
      Thread.sleep(forTimeInterval: gathering)
      let tasks = state.withLock { state in
        state.rounds += 1
        defer { state.waiting = [] }
        return state.waiting
      }
      let result = Result { () throws(SlurmError) in try submit(tasks) }
      state.withLock { $0.submitted[round] = result }
    }
    while true {
      if let result = state.withLock({ $0.submitted[round] }) {
        return try wait(for: number, of: result.get())
      }
      Thread.sleep(forTimeInterval: interval)
    }
  }

  private func submit(_ tasks: [SlurmArray.Task]) throws(SlurmError) -> Submission {
    let place = "\(folder)/\(UUID().uuidString.prefix(8))"
    let array = SlurmArray(folder: place, tasks: tasks)
    let script = place + "/array.sh"
    do {
      try Folder.make(place)
      try OutputFile.write(array.script, to: script)
    } catch {
      throw .notSubmitted(reason: FileError.words(of: error))
    }
    let answer = Self.ask(
      ["sbatch", "--parsable", "--job-name=martlet-tune", "--array=0-\(tasks.count - 1)"]
        + ["--cpus-per-task=\(threads)", "--output=\(place)/%a.slurm"] + options + [script])
    // `JOB` or `JOB;CLUSTER`.
    let words = answer.text.split(whereSeparator: { ";\n".contains($0) })
    guard answer.code == 0, let job = words.first else {
      throw .notSubmitted(reason: answer.text.isEmpty ? "not found" : answer.text)
    }
    say("Slurm's job \(job): \(tasks.count) tasks (scancel \(job) ends them)")
    return Submission(job: String(job), array: array)
  }

  private func wait(for number: Int, of submission: Submission) throws -> Int32 {
    let job = "\(submission.job)_\(number)"
    var asked = ContinuousClock.now
    var missing: ContinuousClock.Instant?
    while true {
      if let code = submission.array.exitCode(of: number) { return code }
      let now = ContinuousClock.now
      // The file is looked at often, and the controller, which all users share, seldom.
      if now - asked >= Self.queueInterval {
        asked = now
        missing = isInQueue(job) ? nil : missing ?? now
      }
      // A network file system may show a file some seconds late.
      if let missing, now - missing > Self.fileDelay {
        throw SlurmError.lost(job: job, log: submission.array.tasks[number].log)
      }
      Thread.sleep(forTimeInterval: interval)
    }
  }

  /// A controller that does not answer says nothing about the task, which is thought to be there.
  private func isInQueue(_ job: String) -> Bool {
    let answer = Self.ask(["squeue", "--noheader", "--format=%T", "--jobs=\(job)"])
    if answer.code != 0 { return !answer.text.contains("Invalid job id") }
    return !answer.text.isEmpty
  }

  /// Ends all tasks that were submitted and are not over.
  public func cancel() {
    let jobs = state.withLock { state in
      state.submitted.values.compactMap { try? $0.get().job }
    }
    if !jobs.isEmpty { _ = Self.ask(["scancel"] + jobs) }
  }

  private static func ask(_ words: [String]) -> (code: Int32, text: String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = words
    process.standardInput = FileHandle.nullDevice
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    do { try process.run() } catch { return (127, FileError.words(of: error)) }
    let data = (try? output.fileHandleForReading.readToEnd()) ?? Data()
    process.waitUntilExit()
    return (
      process.terminationStatus,
      String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    )
  }
}
