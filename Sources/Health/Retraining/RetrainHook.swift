import Files
import Foundation
import JSON
import Logging
import Prefork
import Synchronization

/// Runs the command of `--on-retrain` beside the health process, and knows what became of it.
///
/// Everything that must outlive this process stands in files of one folder: `run.json` (the latest run), `labelled.tsv` (texts
/// with labels, between two health processes) and a folder for each of the latest runs with `evidence.json`, `fresh.tsv`,
/// `output.log` and `status`. Nothing here waits: `tick` looks, and comes back.
public final class RetrainHook: Sendable {
  /// What the operator set.
  public struct Options: Sendable {
    /// The command, run by `/bin/sh -c`.
    public var command: String
    /// Where runs are noted down.
    public var folder: String
    /// When it runs.
    public var trigger = RetrainTrigger.Options()
    /// Seconds after which it is stopped.
    public var timeoutSeconds = 3600.0

    /// A command with the defaults.
    public init(command: String, folder: String) {
      (self.command, self.folder) = (command, folder)
    }
  }

  /// What a look found.
  public struct Look: Sendable {
    /// What is to be done with the model.
    public var verdict: Verdict
    /// Labelled texts that have ever come; nil where texts are not kept.
    public var labels: Int?
    /// Everything that is known, for the hook.
    public var evidence: @Sendable () -> JSONValue
    /// The labelled texts, a line each.
    public var fresh: @Sendable () -> String

    /// What a look found.
    public init(
      verdict: Verdict, labels: Int?, evidence: @escaping @Sendable () -> JSONValue,
      fresh: @escaping @Sendable () -> String
    ) {
      (self.verdict, self.labels, self.evidence, self.fresh) = (verdict, labels, evidence, fresh)
    }
  }

  private struct Guarded: Sendable {
    var trigger: RetrainTrigger
    var run: RetrainRun?
    var isEnding = false
  }

  /// Folders of runs that are kept.
  static let keptRuns = 5
  /// Bytes of output that go to the log at one look; more is in the file alone.
  private static let logLimit = 16 << 10
  /// Seconds from the request to end to the order.
  private static let grace = 10.0

  private let options: Options
  private let variables: [String: String]
  private let log: Logger
  private let guarded: Mutex<Guarded>

  /// Goes on with what an earlier health process began.
  /// - Parameter variables: added to the environment of the command.
  public init(options: Options, variables: [String: String], log: Logger) {
    (self.options, self.variables, self.log) = (options, variables, log)
    let path = options.folder + "/run.json"
    let run = (try? Data(contentsOf: URL(fileURLWithPath: path)))
      .flatMap { try? JSONValue(parsing: $0) }.flatMap(RetrainRun.init)
    guarded = Mutex(
      Guarded(
        trigger: RetrainTrigger(options: options.trigger, lastRun: run?.startedAt), run: run))
  }

  /// The latest run; nil if there was none.
  public var run: RetrainRun? { guarded.withLock { $0.run } }

  /// Looks once: sees after a run, or begins one.
  public func tick(_ look: Look, at time: Double) {
    guarded.withLock { guarded in
      if guarded.run?.outcome == .running {
        attend(&guarded, at: time)
        // What a run has changed shows in what comes after it.
        return
      }
      guard guarded.trigger.observe(look.verdict.action, labels: look.labels, at: time) else {
        return
      }
      begin(&guarded, look, at: time)
    }
  }

  // MARK: - Beginning

  private func begin(_ guarded: inout Guarded, _ look: Look, at time: Double) {
    let number = (guarded.run?.number ?? 0) + 1
    let stamp = Date(timeIntervalSince1970: time).formatted(
      .iso8601.timeSeparator(.omitted).dateSeparator(.omitted))
    let name = "run-\(number)-\(stamp)"
    let folder = options.folder + "/" + name
    let reason = look.verdict.evidence.first ?? ""
    do {
      try Folder.make(folder, mode: 0o700)
      try OutputFile.write(
        look.evidence().serializedBytes(pretty: true), to: folder + "/evidence.json", mode: 0o600)
      try OutputFile.write(look.fresh().utf8, to: folder + "/fresh.tsv", mode: 0o600)
      var variables = variables
      variables["RETRAIN_FOLDER"] = folder
      variables["RETRAIN_EVIDENCE"] = folder + "/evidence.json"
      variables["RETRAIN_FRESH"] = folder + "/fresh.tsv"
      if look.labels != nil { variables["RETRAIN_FRESH_ROWS"] = "\(guarded.trigger.freshLabels)" }
      variables["RETRAIN_REASON"] = reason
      variables["RETRAIN_COMMAND"] = options.command
      // The shell around the command notes its status, for whoever looks then. It bears the request to end, so that the
      // command's own answer to it is seen.
      let process = try HookProcess.run(
        #"trap : TERM; /bin/sh -c "$RETRAIN_COMMAND"; echo $? >"$RETRAIN_FOLDER/status.new"; mv "$RETRAIN_FOLDER/status.new" "$RETRAIN_FOLDER/status""#,
        variables: variables, outputPath: folder + "/output.log")
      guarded.run = RetrainRun(
        number: number, name: name, startedAt: time, reason: reason, process: process)
      guarded.isEnding = false
      log.notice(
        "retraining begins: \(reason)",
        metadata: ["command": "\(options.command)", "folder": "\(folder)"])
      save(guarded.run)
      removeOldRuns(but: number)
    } catch {
      log.error("the hook of --on-retrain cannot run: \(FileError.words(of: error))")
    }
  }

  private func save(_ run: RetrainRun?) {
    guard let run else { return }
    let path = options.folder + "/run.json"
    do {
      try OutputFile.write(
        JSONValue.object(run.stored).serializedBytes(pretty: true), to: path, mode: 0o600)
    } catch {
      log.error("\(error.localizedDescription)")
    }
  }

  private func removeOldRuns(but number: Int) {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: options.folder)) ?? []
    for name in names where name.hasPrefix("run-") {
      let parts = name.split(separator: "-")
      guard parts.count == 3, let other = Int(parts[1]), other <= number - Self.keptRuns else {
        continue
      }
      try? FileManager.default.removeItem(atPath: options.folder + "/" + name)
    }
  }

  // MARK: - Attending

  private func attend(_ guarded: inout Guarded, at time: Double) {
    guard var run = guarded.run else { return }
    let isRunning = run.process.isRunning
    let folder = options.folder + "/" + run.name
    tell(&run, folder + "/output.log", isLast: !isRunning)
    let limit = run.startedAt + options.timeoutSeconds
    if isRunning {
      if time >= limit + Self.grace {
        run.process.signal(SIGKILL)
      } else if time >= limit, !guarded.isEnding {
        guarded.isEnding = true
        log.error("retraining has taken \(Int(options.timeoutSeconds)) s, ending it")
        run.process.signal(SIGTERM)
      }
    } else {
      run.endedAt = time
      run.status = (try? String(contentsOfFile: folder + "/status", encoding: .utf8))
        .flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
      run.outcome = time >= limit ? .timedOut : run.status == nil ? .lost : .ended
      let status = run.status.map { "exit status \($0)" } ?? "no exit status"
      let text = "retraining is over: \(run.outcome.rawValue), \(status)"
      if run.status == 0 { log.notice("\(text)") } else { log.error("\(text)") }
    }
    if run != guarded.run { save(run) }
    guarded.run = run
  }

  /// Puts whole lines of new output into the log.
  private func tell(_ run: inout RetrainRun, _ path: String, isLast: Bool) {
    guard let file = FileHandle(forReadingAtPath: path) else { return }
    defer { try? file.close() }
    guard (try? file.seek(toOffset: UInt64(run.logged))) != nil,
      var bytes = try? file.read(upToCount: Self.logLimit), !bytes.isEmpty
    else { return }
    if !isLast, bytes.count < Self.logLimit {
      guard let end = bytes.lastIndex(of: 0x0A) else { return }
      bytes = bytes[...end]
    }
    run.logged += bytes.count
    if bytes.count == Self.logLimit {
      run.logged = Int((try? file.seekToEnd()) ?? UInt64(run.logged))
    }
    for line in bytes.split(separator: 0x0A) {
      log.info("retrain: \(String(decoding: line.prefix(2000), as: UTF8.self))")
    }
  }

  // MARK: - Texts between two health processes

  /// Keeps labelled texts for the next health process.
  public func keep(_ tsv: String) {
    guard !tsv.isEmpty else { return }
    do {
      try Folder.make(options.folder, mode: 0o700)
      try OutputFile.write(tsv.utf8, to: options.folder + "/labelled.tsv", mode: 0o600)
    } catch {
      log.error("\(error.localizedDescription)")
    }
  }

  /// What `keep` kept.
  public var kept: String {
    (try? String(contentsOfFile: options.folder + "/labelled.tsv", encoding: .utf8)) ?? ""
  }

  // MARK: - What is shown

  /// The object in `/monitor.json`.
  /// - Parameter shift: what is added to times, so that they are the wall clock's.
  public func json(shift: Double = 0) -> JSONValue {
    run.map { .object($0.shown(shift: shift).json) } ?? .null
  }

  /// Adds figures of the runs to `/metrics`.
  /// - Parameter shift: what is added to times, so that they are the wall clock's.
  public func addMetrics(to page: inout PrometheusText, shift: Double = 0) {
    func gauge(_ name: String, _ help: String, _ value: Double?) {
      guard let value else { return }
      page.add("retrain_\(name)", .gauge, help, .number(value))
    }
    let run = run?.shown(shift: shift)
    gauge("running", "1 while the hook of --on-retrain runs.", run?.outcome == .running ? 1 : 0)
    gauge("runs", "Times that the hook has run.", Double(run?.number ?? 0))
    gauge("last_start_timestamp_seconds", "When the hook last began.", run?.startedAt)
    gauge(
      "last_exit_status", "Exit status of the hook's last run; -1 where it had none.",
      run.flatMap { $0.outcome == .running ? nil : Double($0.status ?? -1) })
    gauge(
      "last_duration_seconds", "How long the hook's last run took.",
      run.flatMap { run in run.endedAt.map { $0 - run.startedAt } })
  }
}
