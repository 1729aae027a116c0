import Foundation
import Health
import Logging
import Testing

@Suite("The path of an event into the health process' state")
struct EventPathTests {
  private func record(_ generator: inout SplitMix) -> PredictionRecord {
    func floats(_ count: Int) -> [Float] { (0..<count).map { _ in Float(generator.uniform()) } }
    var record = PredictionRecord()
    (record.time, record.requestHash) = (Int64(generator.next() >> 1), generator.next())
    record.latency = UInt32(truncatingIfNeeded: generator.next())
    record.predicted = Int(generator.next() % 3)
    record.isTruncated = generator.next() % 2 == 0
    record.features = floats(Int(generator.next() % 12))
    record.probabilities = floats(Int(generator.next() % 4))
    record.embedding = floats(Int(generator.next() % 20))
    record.fingerprint.exact = generator.next()
    record.fingerprint.minima[2] = UInt32(truncatingIfNeeded: generator.next())
    record.requestID = String(repeating: "i", count: Int(generator.next() % 40))
    record.text = generator.next() % 3 == 0 ? "text \(generator.next())" : ""
    return record
  }

  @Test("records read one behind the other into the same storage are the ones that were written")
  func reading() {
    var generator = SplitMix(state: 1)
    var bytes: [UInt8] = []
    var written: [HealthEvent] = []
    for index in 0..<200 {
      let event: HealthEvent =
        index % 7 == 0
        ? .label(
          LateLabel(
            time: Int64(index), requestHash: generator.next(), label: index,
            predicted: index % 2 == 0 ? nil : 3, previous: index % 3 == 0 ? nil : 0, model: 5))
        : .prediction(record(&generator))
      written.append(event)
      event.append(to: &bytes)
    }
    // A slice that does not begin at 0.
    let slice = ([9, 9, 9] + bytes)[3...]
    #expect(HealthEvent.parse(slice).events == written)
    var reader = EventReader(slice)
    var (storage, read) = (PredictionRecord(), [HealthEvent]())
    while let kind = reader.next(into: &storage) {
      if case .label(let label) = kind {
        read.append(.label(label))
        continue
      }
      #expect(storage.requestID.isEmpty && storage.text.isEmpty)
      reader.readStrings(into: &storage)
      #expect(reader.hasText == !storage.text.isEmpty)
      read.append(.prediction(storage))
    }
    #expect(read == written && reader.isWhole)
    var cut = EventReader(slice.dropLast())
    while cut.next(into: &storage) != nil {}
    #expect(!cut.isWhole && cut.next(into: &storage) == nil)
  }

  @Test("likeness is what dictionaries over the latest texts say")
  func likeness() {
    var generator = SplitMix(state: 2)
    var recent = RecentTexts(capacity: 50)
    var latest: [TextFingerprint] = []
    var seen: [RecentTexts.Likeness: Int] = [:]
    for _ in 0..<5000 {
      var fingerprint = TextFingerprint()
      // Few values, so that texts come again and share minima.
      fingerprint.exact = 1 + generator.next() % 150
      for index in 0..<TextFingerprint.minimumCount {
        fingerprint.minima[index] = UInt32(generator.next() % 6)
      }
      let isNear = latest.contains { other in
        (0..<4).count { other.minima[$0] == fingerprint.minima[$0] } >= 3
      }
      let expected: RecentTexts.Likeness =
        latest.contains { $0.exact == fingerprint.exact } ? .same : isNear ? .near : .new
      #expect(recent.add(fingerprint) == expected)
      seen[expected, default: 0] += 1
      latest.append(fingerprint)
      if latest.count > 50 { latest.removeFirst() }
    }
    #expect(seen.values.allSatisfy { $0 > 100 } && seen.count == 3)
  }

  @Test("the window keeps records of different widths as they came")
  func window() {
    var generator = SplitMix(state: 3)
    var options = HealthOptions()
    options.windowSize = 20
    var state = HealthState(labels: ["a", "b", "c"], reference: nil, options: options)
    var all: [PredictionRecord] = []
    for _ in 0..<150 {
      var record = record(&generator)
      state.add(record)
      (record.requestID, record.text) = ("", "")
      all.append(record)
      #expect(state.window == Array(all.suffix(state.window.count)))
      #expect(state.window.count >= min(all.count, 20) && state.window.count < 40)
    }
  }

  @Test("of 65,536 predictions every label finds its own, and the oldest makes room for the next")
  func remembering() {
    var state = HealthState(labels: ["a", "b"], reference: nil, options: HealthOptions())
    let count = 70_000
    for index in 0..<count {
      var record = PredictionRecord()
      record.time = 1_000_000
      record.requestHash = RequestHash.of("\(index)")
      record.predicted = index % 2
      record.probabilities = index % 2 == 0 ? [0.75, 0.25] : [0.25, 0.75]
      state.add(record)
    }
    let first = count - 65_536
    for index in [0, first - 1] {
      let label = LateLabel(time: 1, requestHash: RequestHash.of("\(index)"), label: 0)
      #expect(state.add(label) == .unknownRequest)
    }
    for index in [first, first + 1, 40_000, count - 2, count - 1] {
      let label = LateLabel(time: 1, requestHash: RequestHash.of("\(index)"), label: 0)
      #expect(state.add(label) == .counted(wasCorrect: index % 2 == 0))
      #expect(state.add(label) == .alreadyCounted)
    }
    state.analyse(at: 1)
    // Three right at 0.75, two wrong at 0.25.
    let loss = -(3 * log(0.75) + 2 * log(0.25)) / 5
    #expect(abs((state.performance?.logLoss ?? 0) - loss) < 1e-6)
  }

  @Test("every minute's counts are of the records that came in it")
  func minute() {
    var state = HealthState(labels: ["a", "b", "c"], reference: nil, options: HealthOptions())
    var generator = SplitMix(state: 4)
    var expected = Feature.allCases.map { [Double](repeating: 0, count: $0.binCount) }
    var classes = [0.0, 0, 0]
    for _ in 0..<500 {
      var record = record(&generator)
      record.time = 120_000_000
      record.features = Feature.allCases.map { Float(generator.uniform() * Double($0.binCount)) }
      for feature in Feature.allCases {
        expected[feature.rawValue][
          feature.bin(of: Double(record.features[feature.rawValue]))] += 1
      }
      classes[record.predicted] += 1
      state.add(record)
    }
    #expect(state.minutes.count == 1 && state.minutes[0].texts == 500)
    #expect(state.minutes[0].features == expected && state.minutes[0].classes == classes)
    #expect(state.minutes[0].latency.reduce(0, +) == 500)
    #expect(state.minutes[0].confidence.reduce(0, +) == 500)
    let again = Minute(start: 120, classCount: 3, json: state.minutes[0].json)
    #expect(again == state.minutes[0])
    var sum = state.minutes[0]
    sum.add(again)
    #expect(sum.classes == classes.map { 2 * $0 } && sum.texts == 1000)
  }

  @Test("a store is given the first predictions of each second, and every label")
  func storeLimit() throws {
    let store = ListedHistory()
    let engine = HealthEngine(
      labels: ["a", "b"], reference: nil, options: HealthOptions(), store: store,
      log: Logger(label: "test"))
    for second in 0..<3 {
      var bytes: [UInt8] = []
      for index in 0..<5 {
        var record = PredictionRecord()
        record.time = Int64(second) * 1_000_000 + Int64(index)
        record.requestHash = UInt64(second * 100 + index + 1)
        record.requestID = "\(second)-\(index)"
        HealthEvent.prediction(record).append(to: &bytes)
      }
      HealthEvent.label(LateLabel(time: 9, requestHash: UInt64(second * 100 + 5), label: 1))
        .append(to: &bytes)
      #expect(engine.receive(bytes[...]).isEmpty)
    }
    #expect(store.requestIDs == ["0-0", "0-1", "1-0", "1-1", "2-0", "2-1"])
    #expect(store.labels == 3)
  }
}

/// Remembers what it was given, two predictions a second.
private final class ListedHistory: HistoryWriter, @unchecked Sendable {
  // One thread.
  private(set) var requestIDs: [String] = []
  private(set) var labels = 0

  var state: String { "listed" }
  var predictionsPerSecond: Int { 2 }
  func earlier(since start: Int64, classCount: Int, generation: UInt64) -> EarlierHistory? { nil }
  func predictions(_ keys: [UInt64]) -> [UInt64: StoredPrediction]? { [:] }
  func append(_ records: [PredictionRecord], generations: [UInt32: UInt64]) {
    requestIDs += records.map(\.requestID)
  }
  func append(labels: [StoredLabel]) { self.labels += labels.count }
  func append(minutes: [Minute], alerts: [Alert], snapshot: StateSnapshot?) {}
  func close() {}
}

@Suite("The runs of the drift detector")
struct DetectorRunTests {
  /// A run as its definition has it, one value after the other.
  private struct Run {
    let start: Int
    var pools: [[Double]]
    var cells: [[UInt32]]
  }

  @Test("ranks and bets are those of a count one by one, through the ends of many runs")
  func oneByOne() {
    let streams = [
      AnytimeDetector.Stream(name: "a", reference: [40, 30, 0, 20, 10], weight: 0.5),
      AnytimeDetector.Stream(name: "b", reference: [7, 93], weight: 0.3),
      AnytimeDetector.Stream(name: "c", reference: [100], weight: 0.2),
    ]
    var options = AnytimeDetector.Options()
    (options.stride, options.horizon, options.lookEvery) = (50, 220, 10)
    (options.tests, options.seed) = ([], 5)
    var detector = AnytimeDetector(streams: streams, options: options)
    var ties = SplitMix(state: options.seed)
    var generator = SplitMix(state: 6)
    var runs: [Run] = []
    var isAlarm = false
    for position in 0..<1000 where !isAlarm {
      let bins = streams.map { stream -> Int in
        if generator.uniform() < 0.1 { return -1 }
        var left = generator.uniform() * stream.reference.reduce(0, +)
        return stream.reference.firstIndex {
          left -= $0
          return left < 0
        } ?? 0
      }
      if position % options.stride == 0 {
        runs.removeAll { position - $0.start >= options.horizon }
        runs.append(
          Run(
            start: position, pools: streams.map(\.reference),
            cells: streams.map { _ in [UInt32](repeating: 0, count: RankPartition.cellCount) }))
      }
      let draws = streams.map { _ in ties.uniform() }
      for (stream, bin) in bins.enumerated() where bin >= 0 {
        for index in runs.indices {
          runs[index].pools[stream][bin] += 1
          let pool = runs[index].pools[stream]
          let below = pool[...bin].reduce(0, +) - draws[stream] * pool[bin]
          runs[index].cells[stream][RankPartition.cell(of: below / pool.reduce(0, +))] += 1
        }
      }
      guard let finding = detector.add(bins) else { continue }
      let logs = runs.map { run in run.cells.map { RankPartition.logWealth($0[...]) } }
      #expect(logs.contains(finding.streams))
      isAlarm = finding.isAlarm
    }
    #expect(detector.position == 1000)
  }

  @Test("more p-values than are looked up have the money that the formula says")
  func manyValues() {
    var cells = [UInt32](repeating: 0, count: RankPartition.cellCount)
    for index in cells.indices { cells[index] = UInt32(60 + 7 * index) }
    let few = RankPartition.logWealth(cells[...])
    let many = RankPartition.logWealth(cells.map { $0 * 2 }[...])
    // The same shares with twice the values: evidence grows, and is finite on either side of the table's end.
    #expect(few.isFinite && many > few)
  }
}
