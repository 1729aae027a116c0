import Foundation
import Health
import JSON
import Logging
import TestDaemon
import Testing

@Suite struct RetrainingTests {
  private static func trigger(lastRun: Double? = nil) -> RetrainTrigger {
    var options = RetrainTrigger.Options()
    (options.holdSeconds, options.coolDownSeconds, options.minimumLabels) = (60, 1000, 10)
    return RetrainTrigger(options: options, lastRun: lastRun)
  }

  /// What the trigger says to one look after another: a verdict, labels, a time.
  private static func answers(
    _ looks: [(Verdict.Action, Int?, Double)], lastRun: Double? = nil
  ) -> [Bool] {
    var trigger = trigger(lastRun: lastRun)
    return looks.map { trigger.observe($0.0, labels: $0.1, at: $0.2) }
  }

  @Test func theHookWaitsUntilTheVerdictHasStood() {
    #expect(
      Self.answers([(.retrain, nil, 0), (.retrain, nil, 59), (.retrain, nil, 60)])
        == [false, false, true])
  }

  @Test func aShortOtherVerdictChangesNothingAndALongOneBeginsAnew() {
    #expect(
      Self.answers([(.retrain, nil, 0), (.watch, nil, 20), (.retrain, nil, 61)])
        == [false, false, true])
    let long = Self.answers([
      (.retrain, nil, 0), (.watch, nil, 10), (.watch, nil, 71), (.retrain, nil, 72),
      (.retrain, nil, 131), (.retrain, nil, 132),
    ])
    #expect(long == [false, false, false, false, false, true])
  }

  @Test func theHookRunsOnceInATimeOfRest() {
    let answers = Self.answers(
      [600, 1499, 1500, 2499, 2500].map { (.retrain, nil, $0) }, lastRun: 500)
    #expect(answers == [false, false, true, false, true])
  }

  @Test func aClockThatJumpsBackDoesNotHoldTheHookForEver() {
    #expect(
      Self.answers([(.retrain, nil, 100), (.retrain, nil, 1100)], lastRun: 1e9) == [false, true])
  }

  @Test func onlyLabelsSinceTheModelWasWellCount() {
    let answers = Self.answers([
      (.keep, 50, 0), (.retrain, 52, 10), (.retrain, 59, 100), (.retrain, 60, 101),
    ])
    #expect(answers == [false, false, false, true])
  }

  private static func prediction(_ hash: UInt64, _ text: String) -> HealthEvent {
    var record = PredictionRecord()
    (record.requestHash, record.text) = (hash, text)
    return .prediction(record)
  }

  private static func label(_ hash: UInt64, _ label: Int) -> HealthEvent {
    .label(LateLabel(time: 0, requestHash: hash, label: label))
  }

  @Test func textsMeetTheirLabelsInEitherOrderAndOnce() {
    var texts = LabelledTexts()
    texts.add(Self.prediction(1, "one"))
    texts.add(Self.label(1, 0))
    texts.add(Self.label(2, 1))
    texts.add(Self.prediction(2, "two\twith\na break"))
    texts.add(Self.label(1, 1))
    texts.add(Self.prediction(3, "without a label"))
    #expect(texts.tsv(labels: ["ham", "spam"]) == "ham\tone\nspam\ttwo with a break\n")
    var again = LabelledTexts()
    again.add(
      tsv: texts.tsv(labels: ["ham", "spam"]) + "other\tx\nno label\n", labels: ["ham", "spam"])
    #expect(again.rows.map(\.label) == [0, 1])
  }

  @Test func textsTakeNoMoreThanTheirBytes() {
    var texts = LabelledTexts()
    let text = String(repeating: "a", count: 8000)
    for hash in 0..<10_000 as Range<UInt64> { texts.add(Self.prediction(hash, text)) }
    // The first ones had to go, the latest wait for their labels.
    for hash in 0..<10_000 as Range<UInt64> { texts.add(Self.label(hash, 0)) }
    let bytes = texts.rows.reduce(0) { $0 + $1.text.utf8.count }
    #expect(bytes <= LabelledTexts.labelledLimit)
    #expect(bytes > LabelledTexts.labelledLimit * 9 / 10)
    #expect(texts.total < 10_000)
  }

  // MARK: - Running

  private static func hook(
    _ command: String, _ folder: String, timeout: Double = 3600
  ) -> RetrainHook {
    var options = RetrainHook.Options(command: command, folder: folder)
    (options.trigger.holdSeconds, options.trigger.minimumLabels) = (0, 1)
    options.timeoutSeconds = timeout
    return RetrainHook(
      options: options, variables: ["RETRAIN_MODEL": "/models/a b"], log: Logger(label: "test"))
  }

  private static let look = RetrainHook.Look(
    verdict: Verdict(action: .retrain, evidence: ["it's \"worse\"", "and more"]), labels: 3,
    evidence: { ["texts": 7] }, fresh: { "ham\ta text\n" })

  private static func withFolder(_ body: (String) throws -> Void) rethrows {
    let folder = NSTemporaryDirectory() + "martlet-retraining-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try body(folder)
  }

  /// Looks until the run is over, for a minute at most.
  private static func finish(_ hook: RetrainHook, at time: Double) {
    _ = BuiltMartlet.wait {
      hook.tick(look, at: time)
      return hook.run?.outcome != .running
    }
  }

  /// Waits until the command has said, by a file, that it heeds signals as it means to; a minute at most.
  private static func waitUntilReady(_ hook: RetrainHook, _ folder: String) {
    let path = "\(folder)/\(hook.run?.name ?? "")/ready"
    _ = BuiltMartlet.wait { FileManager.default.fileExists(atPath: path) }
  }

  @Test func theCommandGetsTheEvidenceAndItsStatusIsKept() throws {
    try Self.withFolder { folder in
      let hook = Self.hook(
        #"cat "$RETRAIN_EVIDENCE" "$RETRAIN_FRESH"; echo "$RETRAIN_MODEL|$RETRAIN_REASON|$RETRAIN_FRESH_ROWS"; exit 3"#,
        folder)
      hook.tick(Self.look, at: 1000)
      #expect(hook.run?.outcome == .running)
      Self.finish(hook, at: 1010)
      let run = try #require(hook.run)
      #expect(run.outcome == .ended)
      #expect(run.status == 3)
      #expect(run.endedAt == 1010)
      let output = try String(
        contentsOfFile: "\(folder)/\(run.name)/output.log", encoding: .utf8)
      #expect(output.contains("\"texts\": 7"))
      #expect(output.hasSuffix("ham\ta text\n/models/a b|it's \"worse\"|3\n"))
      var page = PrometheusText()
      hook.addMetrics(to: &page)
      #expect(page.text.contains("martlet_retrain_last_exit_status 3.0\n"))
      #expect(hook.json()["exit_status"]?.intValue == 3)
      // Once in the time of rest.
      hook.tick(Self.look, at: 1020)
      #expect(hook.run?.number == 1)
    }
  }

  @Test func whatTakesTooLongIsStopped() {
    Self.withFolder { folder in
      let hook = Self.hook(": >\"$RETRAIN_FOLDER/ready\"; sleep 600", folder, timeout: 5)
      hook.tick(Self.look, at: 1000)
      Self.waitUntilReady(hook, folder)
      Self.finish(hook, at: 1006)
      #expect(hook.run?.outcome == .timedOut)
      #expect(hook.run?.status == 143)
    }
  }

  @Test func whatDoesNotWantToStopIsKilled() {
    Self.withFolder { folder in
      let hook = Self.hook(
        "trap '' TERM; : >\"$RETRAIN_FOLDER/ready\"; while :; do sleep 1; done", folder,
        timeout: 5)
      hook.tick(Self.look, at: 1000)
      Self.waitUntilReady(hook, folder)
      hook.tick(Self.look, at: 1006)
      Self.finish(hook, at: 1016)
      #expect(hook.run?.outcome == .timedOut)
      #expect(hook.run?.status == nil)
    }
  }

  @Test func anotherHealthProcessGoesOnWithTheRun() throws {
    try Self.withFolder { folder in
      let first = Self.hook("while [ ! -e \"$RETRAIN_FOLDER/go\" ]; do sleep 0.05; done", folder)
      first.tick(Self.look, at: 1000)
      let second = Self.hook("false", folder)
      #expect(second.run?.outcome == .running)
      second.tick(Self.look, at: 1001)
      #expect(second.run?.outcome == .running)
      let name = try #require(second.run?.name)
      _ = FileManager.default.createFile(atPath: "\(folder)/\(name)/go", contents: nil)
      Self.finish(second, at: 1002)
      #expect(second.run?.status == 0)
      // And keeps the time of rest.
      second.tick(Self.look, at: 1003)
      #expect(second.run?.number == 1)
      second.keep("ham\tx\n")
      #expect(first.kept == "ham\tx\n")
    }
  }

  @Test func aDamagedNoteIsNoRun() throws {
    try Self.withFolder { folder in
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true)
      for text in ["", "{", "{\"number\": 1}", "[1]", "{\"pid\": -1, \"name\": \"../..\"}"] {
        try Data(text.utf8).write(to: URL(fileURLWithPath: folder + "/run.json"))
        #expect(Self.hook("true", folder).run == nil)
      }
    }
  }

  @Test func aFolderThatCannotBeMadeIsSaidAndNothingRuns() {
    let hook = Self.hook("true", "/proc/nowhere")
    hook.tick(Self.look, at: 1000)
    #expect(hook.run == nil)
  }
}
