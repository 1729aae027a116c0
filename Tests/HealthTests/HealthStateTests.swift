import Foundation
import Health
import JSON
import Logging
import Prefork
import Testing

@Suite("Alerts")
struct AlertBoardTests {
  private func signal(_ isRaised: Bool, cleared: Bool? = nil, hold: Double = 0) -> AlertSignal {
    AlertSignal(
      name: "Rule", severity: .warning, isRaised: isRaised, isCleared: cleared, holdSeconds: hold,
      reason: "because")
  }

  @Test("an alert begins once, holds between its two limits, and ends once")
  func hysteresis() {
    var board = AlertBoard()
    #expect(board.observe([signal(true)], at: 10).count == 1)
    #expect(board.observe([signal(true)], at: 11).isEmpty)
    #expect(board.observe([signal(false, cleared: false)], at: 12).isEmpty)
    #expect(board.active.count == 1)
    let ended = board.observe([signal(false)], at: 13)
    #expect(ended.first?.endedAt == 13 && ended.first?.startedAt == 10)
    #expect(board.active.isEmpty && board.history.count == 1)
  }

  @Test("an alert that ends says what is seen now, not what was seen when it was bad")
  func ending() {
    var board = AlertBoard()
    func look(_ rate: Double, at time: Double) -> Alert? {
      let signal = AlertSignal(
        name: "DataQuality", subject: "truncated", severity: .warning, isRaised: rate > 3.1,
        reason: "\(rate) % of texts are truncated, limit 3.1 %")
      return board.observe([signal], at: time).first
    }
    #expect(look(99, at: 10)?.explanation == "99.0 % of texts are truncated, limit 3.1 %")
    #expect(look(98, at: 11) == nil)
    let ended = look(0.5, at: 12)
    #expect(ended?.explanation == "0.5 % of texts are truncated, limit 3.1 %")
    #expect(ended?.reason == "98.0 % of texts are truncated, limit 3.1 %")
    // What lasted when the process ended says so.
    _ = look(99, at: 13)
    var next = AlertBoard()
    next.restore(board.active, at: 20)
    #expect(next.history.first?.explanation == "the health process that saw it has ended")
  }

  @Test("what does not last is no alert, and a clock that jumps back does not hold one up")
  func holding() {
    var board = AlertBoard()
    #expect(board.observe([signal(true, hold: 30)], at: 100).isEmpty)
    #expect(board.observe([signal(false, hold: 30)], at: 120).isEmpty)
    #expect(board.observe([signal(true, hold: 30)], at: 140).isEmpty)
    #expect(board.observe([signal(true, hold: 30)], at: 50).isEmpty)
    #expect(board.observe([signal(true, hold: 30)], at: 80).count == 1)
  }

  @Test("a silenced alert is marked, until the silence is over")
  func silence() {
    var board = AlertBoard()
    board.silence("Rule", until: 100)
    #expect(board.observe([signal(true)], at: 10).first?.isSilenced == true)
    _ = board.observe([signal(true)], at: 101)
    #expect(board.active.first?.isSilenced == false)
  }
}

@Suite("Health of a model")
struct HealthStateTests {
  private let profile: ReferenceProfile

  init() throws { profile = try Self.profile(right: 0.97) }

  private static func profile(right: Double) throws -> ReferenceProfile {
    var builder = ReferenceProfile.Builder(labels: ["ham", "spam"])
    var generator = SplitMix(state: 1)
    for _ in 0..<600 {
      let (text, isSpam) = draw(&generator, spam: 0.13)
      builder.add(
        features(text), probabilities: isSpam ? [0.05, 0.95] : [0.95, 0.05],
        label: generator.uniform() < right ? (isSpam ? 1 : 0) : (isSpam ? 0 : 1))
    }
    return try builder.build()
  }

  private static func draw(_ generator: inout SplitMix, spam: Double) -> (String, Bool) {
    let isSpam = generator.uniform() < spam
    let words = 3 + Int(generator.uniform() * 12)
    return ((0..<words).map { _ in "w\(generator.next() % 5000)" }.joined(separator: " "), isSpam)
  }

  private static func features(_ text: String) -> FeatureValues {
    FeatureValues(text: text, tokenCount: text.count / 4, unknownTokenCount: 0)
  }

  private func record(
    _ index: Int, _ text: String, _ isSpam: Bool, at time: Double
  ) -> PredictionRecord {
    let features = Self.features(text)
    var record = PredictionRecord()
    record.time = Int64(time * 1e6)
    record.requestHash = RequestHash.of("\(index)")
    record.latency = 1500
    record.predicted = isSpam ? 1 : 0
    record.features = features.values.map { Float($0) }
    record.probabilities = isSpam ? [0.05, 0.95] : [0.95, 0.05]
    record.fingerprint = features.fingerprint
    return record
  }

  private func state(_ count: Int, spam: Double) -> HealthState {
    var options = HealthOptions()
    options.intakePerSecond = 1e9
    var state = HealthState(labels: ["ham", "spam"], reference: profile, options: options)
    var generator = SplitMix(state: 2)
    for index in 0..<count {
      let (text, isSpam) = Self.draw(&generator, spam: spam)
      state.add(record(index, text, isSpam, at: 1_000_000 + Double(index)))
    }
    state.analyse(at: 1_000_000 + Double(count))
    return state
  }

  @Test("traffic like the reference says keep, twice the spam says watch and names the class")
  func verdicts() {
    let calm = state(600, spam: 0.13)
    #expect(calm.verdict.action == .keep && calm.verdict.evidence.isEmpty)
    let moved = state(900, spam: 0.4)
    #expect(moved.verdict.action == .watch)
    #expect(moved.drifted["class"] != nil)
    #expect(moved.verdict.evidence.contains { $0.contains("class") })
    let signals = AlertRules.signals(
      moved, burn: (long: 0, short: 0), dropped: 0, workers: (ready: 1, wanted: 1))
    let output = signals.first { $0.name == "PredictionDrift" }
    let input = signals.first { $0.name == "InputDrift" }
    #expect(output?.isRaised == true && output?.reason.contains(": class") == true)
    #expect(input?.reason.contains("class") == false)
  }

  @Test("labels count once; unknown requests and classes are counted apart; wrong ones say retrain")
  func labels() {
    var state = state(600, spam: 0.13)
    for index in 0..<300 {
      let predicted = state.window[index].predicted
      let label = index % 2 == 0 ? predicted : 1 - predicted
      state.add(
        LateLabel(time: 1_000_900_000_000, requestHash: RequestHash.of("\(index)"), label: label))
    }
    #expect(state.labelOutcomes.counted == 300)
    let again = 1 - state.window[7].predicted
    let repeated = state.add(LateLabel(time: 0, requestHash: RequestHash.of("7"), label: again))
    #expect(repeated == .alreadyCounted)
    state.add(LateLabel(time: 0, requestHash: 1, label: 1))
    state.add(LateLabel(time: 0, requestHash: RequestHash.of("400"), label: 9))
    var expected = LabelCounts()
    (expected.counted, expected.right) = (300, 150)
    (expected.repeated, expected.unknown) = (1, 2)
    #expect(state.labelOutcomes == expected)
    state.analyse(at: 2_000_000)
    #expect(state.performance?.accuracy == 0.5)
    #expect(state.verdict.action == .retrain)
    let generation = state.generation(model: 0)
    state.add(LateLabel(time: 0, requestHash: 2, label: 1)) { _ in
      StoredPrediction(
        record(1000, "old", true, at: 5), generation: generation)
    }
    #expect(state.labelOutcomes.counted == 301)
    state.add(LateLabel(time: 0, requestHash: 3, label: 1)) { _ in
      StoredPrediction(record(1001, "older", true, at: 4), generation: 1)
    }
    #expect(state.labelOutcomes.counted == 301 && state.labelOutcomes.earlierModel == 1)
  }

  @Test("what earlier weights predicted is neither counted nor judged as what those that serve did")
  func earlierWeights() {
    var state = state(50, spam: 0.13)
    let (own, minutes) = (state.generation(model: 0), state.minutes)
    // A worker that drains, a worker that serves, and one that does not say.
    var old = record(500, "a late answer", true, at: 1_000_049)
    old.generation = own ^ 1
    state.add(old)
    #expect(state.texts == 50 && state.textsOfOtherWeights == 1 && state.window.count == 50)
    #expect(state.minutes == minutes)
    var present = old
    (present.generation, present.requestHash) = (own, RequestHash.of("501"))
    state.add(present)
    #expect(state.texts == 51)

    // In memory.
    let key = RequestHash.of("500")
    #expect(
      state.add(LateLabel(time: 1, requestHash: key, label: 1)) == .counted(wasCorrect: true))
    #expect(state.add(LateLabel(time: 2, requestHash: key, label: 1)) == .alreadyCounted)
    #expect(
      state.add(LateLabel(time: 3, requestHash: key, label: 0))
        == .replaced(previous: 1, wasCorrect: false))
    // Known to the worker alone.
    let known = LateLabel(time: 4, requestHash: 77, label: 0, predicted: 1, generation: own ^ 1)
    #expect(state.add(known) == .counted(wasCorrect: false))
    // From the store; and the label that then takes the first one's place.
    let stored = StoredPrediction(record(1001, "older", true, at: 4), generation: own ^ 2)
    let late = LateLabel(time: 5, requestHash: stored.key, label: 1)
    #expect(state.add(late) { _ in stored } == .counted(wasCorrect: true))
    let other = LateLabel(time: 6, requestHash: stored.key, label: 0)
    #expect(state.add(other) { _ in stored } == .replaced(previous: 1, wasCorrect: false))
    #expect(state.labelOutcomes.counted == 0 && state.labelOutcomes.earlierModel == 5)
    #expect(state.concept.state.count == 0)
    state.analyse(at: 2_000_000)
    #expect(state.performance == nil)
    let label = LateLabel(
      time: 7, requestHash: present.requestHash, label: 1, predicted: 1, generation: own)
    #expect(state.add(label) == .counted(wasCorrect: true))
    #expect(state.labelOutcomes.counted == 1 && state.concept.state.count == 1)
  }

  @Test("a rise over the recent past is told as such, and not as one over the reference")
  func recentPast() throws {
    var options = HealthOptions()
    options.intakePerSecond = 1e9
    var state = HealthState(
      labels: ["ham", "spam"], reference: try Self.profile(right: 0.8), options: options)
    var (generator, index) = (SplitMix(state: 4), 0)
    func label(_ count: Int, rate: Double) {
      for _ in 0..<count {
        let predicted = generator.uniform() < 0.13 ? 1 : 0
        state.add(
          LateLabel(
            time: 1_000_900_000_000, requestHash: RequestHash.of("l\(index)"),
            label: generator.uniform() < rate ? 1 - predicted : predicted, predicted: predicted))
        index += 1
      }
      state.analyse(at: 2_000_000)
    }
    label(1500, rate: 0)
    label(250, rate: 0.2)
    // As on the reference.
    #expect(state.verdict.action == .watch)
    let text = try #require(state.verdict.evidence.first)
    #expect(text.hasPrefix("errors are more frequent than in the recent past"), "\(text)")
    label(200, rate: 0.6)
    #expect(state.verdict.action == .retrain)
    let heavy = try #require(state.verdict.evidence.first)
    #expect(heavy.hasPrefix("errors are more frequent than on the reference, beyond chance: of"))
    let signals = AlertRules.signals(
      state, burn: (long: 0, short: 0), dropped: 0, workers: (ready: 1, wanted: 1))
    #expect(signals.first { $0.name == "RetrainModel" }?.isRaised == true)
    label(700, rate: 0)
    let later = AlertRules.signals(
      state, burn: (long: 0, short: 0), dropped: 0, workers: (ready: 1, wanted: 1))
    let ended = later.first { $0.name == "RetrainModel" }
    #expect(ended?.isCleared == true && ended?.ending.contains("on the latest 1000 labels") == true)
  }

  @Test("another label for the same prediction takes the first one's place")
  func replacing() {
    var state = state(100, spam: 0.13)
    let (key, predicted) = (RequestHash.of("7"), state.window[7].predicted)
    #expect(
      state.add(LateLabel(time: 1, requestHash: key, label: 1 - predicted))
        == .counted(wasCorrect: false))
    state.analyse(at: 2_000_000)
    #expect(state.performance?.accuracy == 0)
    #expect(
      state.add(LateLabel(time: 2, requestHash: key, label: predicted))
        == .replaced(previous: 1 - predicted, wasCorrect: true))
    state.analyse(at: 2_000_001)
    #expect(state.performance?.accuracy == 1 && state.performance?.count == 1)
    #expect(state.labelOutcomes.counted == 1 && state.labelOutcomes.replaced == 1)
  }

  @Test("a snapshot goes on where it was taken: window, bets, labels; other weights begin anew")
  func snapshots() throws {
    var before = state(600, spam: 0.13)
    for index in 0..<50 {
      let key = RequestHash.of("\(index)")
      let label =
        index % 4 == 0 ? 1 - before.window[index].predicted : before.window[index].predicted
      before.add(LateLabel(time: 5, requestHash: key, label: label))
    }
    var earlier = EarlierHistory()
    earlier.snapshot = before.snapshot(at: 10)
    var labelled = StoredPrediction(
      record(9000, "later", true, at: 11), generation: before.generation(model: 0))
    (labelled.label, labelled.labelledAt) = (0, 12_000_000)
    earlier.labelled = [labelled]

    var options = before.options
    var after = HealthState(labels: ["ham", "spam"], reference: profile, options: options)
    after.restore(earlier)
    #expect(after.window == Array(before.window.suffix(options.windowSize)))
    #expect(after.labelOutcomes.counted == 51)
    #expect(after.concept.state.count == 51)
    let again = LateLabel(
      time: 20, requestHash: RequestHash.of("7"), label: 1 - before.window[7].predicted)
    #expect(after.add(again) == .replaced(previous: before.window[7].predicted, wasCorrect: false))
    // The bets go on to the same bits.
    var generator = SplitMix(state: 3)
    for index in 0..<300 {
      let (text, isSpam) = Self.draw(&generator, spam: 0.4)
      before.add(record(20_000 + index, text, isSpam, at: 2_000_000 + Double(index)))
      after.add(record(20_000 + index, text, isSpam, at: 2_000_000 + Double(index)))
    }
    #expect(after.finding == before.finding && after.finding != nil)

    options.windowSize = 500
    var other = HealthState(labels: ["ham", "eggs"], reference: profile, options: options)
    other.restore(earlier)
    #expect(other.window.isEmpty && other.labelOutcomes == LabelCounts())
  }

  @Test("numbers that are none, from a model whose weights went wrong, stop nothing")
  func strangeNumbers() {
    var state = state(100, spam: 0.13)
    var bad = record(1000, "text", true, at: 1_000_200)
    bad.features = bad.features.map { _ in .nan }
    bad.probabilities = [.nan, .infinity]
    state.add(bad)
    bad.features = bad.features.map { _ in .infinity }
    state.add(bad)
    state.analyse(at: 1_000_300)
    #expect(state.texts == 102)
  }

  @Test("a clock that jumps back keeps the order of minutes, and one that jumps ahead leaves a gap")
  func clock() {
    var state = HealthState(
      labels: ["ham", "spam"], reference: profile, options: HealthOptions())
    for time in [6000.0, 6030, 60, 6090, 1e9] { state.add(record(1, "a b c", false, at: time)) }
    #expect(state.minutes.map(\.start) == [6000, 6060, 999_999_960])
    #expect(state.minutes.map(\.texts) == [3, 1, 1])
    #expect(state.takeFinishedMinutes(at: 1e9).map(\.start) == [6000, 6060])
    #expect(state.takeFinishedMinutes(at: 1e9).isEmpty)
    var later = HealthState(
      labels: ["ham", "spam"], reference: profile, options: HealthOptions())
    later.restore(state.minutes.map { Minute(start: $0.start, classCount: 2, json: $0.json) })
    #expect(later.minutes == state.minutes)
  }

  @Test("texts repeated, empty and cut are found, and a rate above its limit is an alarm")
  func quality() {
    var state = state(300, spam: 0.13)
    #expect(state.qualityAlarms.isEmpty)
    for index in 0..<200 {
      var record = record(
        1000 + index, index % 2 == 0 ? "the same words" : "", false, at: 1_000_400)
      record.isTruncated = true
      state.add(record)
    }
    let alarms = Set(state.qualityAlarms)
    #expect(alarms.isSuperset(of: [.missing, .duplicate, .truncated]))
    #expect(!alarms.contains(.mixedScript))
  }

  @Test("/proc of this process is read")
  func process() throws {
    let reading = try #require(ProcessReading(getpid()))
    #expect(reading.residentBytes > 1_000_000 && reading.threads >= 1 && reading.descriptors > 2)
    #expect(reading.proportionalBytes <= reading.residentBytes * 1.5)
    #expect(ProcessReading(-5) == nil)
  }
}

@Suite("The channel between workers and health process")
struct EventChannelTests {
  @Test("a full queue drops and counts, and never waits")
  func dropping() throws {
    let channel = try EventChannel()
    defer { channel.close() }
    let memory = try SharedMemory(byteCount: HealthCounters.byteCount(slots: 1))
    let counters = try HealthCounters(in: memory, slots: 1)
    let sender = counters.sender(slot: 0, channel: channel)
    var record = PredictionRecord()
    record.text = String(repeating: "a", count: 8000)
    for _ in 0..<4000 { sender.send(.prediction(record)) }
    // Labels have been answered as counted, so they wait instead.
    for index in 0..<2000 {
      sender.send(.label(LateLabel(time: 1, requestHash: UInt64(index), label: 1)))
    }
    sender.flush()
    let counts = counters.eventCounts
    #expect(counts.sent + counts.dropped == 4000)
    #expect(counts.sent > 0 && counts.dropped > 0)
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    var received = 0.0
    while let bytes = channel.receive(into: &buffer) {
      let parsed = HealthEvent.parse(bytes)
      #expect(parsed.isWhole)
      received += Double(parsed.events.count)
    }
    #expect(received == counts.sent)
    sender.flush()
    received = 0
    while let bytes = channel.receive(into: &buffer) {
      received += Double(HealthEvent.parse(bytes).events.count)
    }
    #expect(received == 2000 && counters.eventCounts.sent == counts.sent + 2000)
  }
}
