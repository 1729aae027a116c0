import Foundation
import Health
import History
import Logging
import Testing

@Suite("Labels that come late, from the store")
struct LateLabelTests {
  private func engine(_ store: HistoryStore) -> HealthEngine {
    HealthEngine(
      labels: ["ham", "spam"], reference: nil, options: HealthOptions(), store: store,
      log: LogLines().logger)
  }

  private func ask(
    _ engine: HealthEngine, _ index: Int, _ label: Int, at time: Double
  ) -> FeedbackOutcome? {
    let candidate = LabelInquiry.Candidate(key: RequestHash.of("\(index)"), model: 0, label: label)
    let inquiry = LabelInquiry(number: 1, labels: [[candidate]])
    return engine.answer(inquiry, at: time).answers.first?.outcome
  }

  @Test("a label a year late counts while its prediction is kept, and is refused once it is not")
  func aYear() throws {
    let folder = try Folder()
    let (then, now) = (1_700_000_000.0, 1_731_600_000.0)
    let first = Rows.sqlite(folder.store)
    let before = engine(first)
    var bytes: [UInt8] = []
    for index in 0..<2 { HealthEvent.prediction(Rows.record(index)).append(to: &bytes) }
    #expect(before.receive(bytes[...]).isEmpty)
    before.finish(at: then)

    let second = Rows.sqlite(folder.store)
    let after = engine(second)
    #expect(ask(after, 1, 1, at: now) == .counted(wasCorrect: true))
    #expect(ask(after, 1, 1, at: now) == .alreadyCounted)
    #expect(ask(after, 1, 0, at: now) == .replaced(previous: 1, wasCorrect: false))
    #expect(ask(after, 2, 1, at: now) == .unknownRequest)
    after.finish(at: now)
    let database = SQLiteDatabase(path: folder.store)
    try database.open()
    try database.prune(before: now - 30 * 86_400, bytes: 1 << 30)
    database.close()
    let third = Rows.sqlite(folder.store)
    #expect(ask(engine(third), 0, 1, at: now) == .unknownRequest)
    third.close()
  }

  @Test("a store that cannot be read is no unknown request, and one that was never there is")
  func unavailable() throws {
    let folder = try Folder()
    try FileManager.default.createDirectory(
      atPath: folder.store, withIntermediateDirectories: false)
    let store = Rows.sqlite(folder.store)
    #expect(ask(engine(store), 1, 1, at: 0) == .unavailable)
    let alone = HealthEngine(
      labels: ["ham", "spam"], reference: nil, options: HealthOptions(), log: LogLines().logger)
    #expect(ask(alone, 1, 1, at: 0) == .unknownRequest)
  }

  @Test("a label that is here before its prediction counts once")
  func overtaking() throws {
    let folder = try Folder()
    let store = Rows.sqlite(folder.store)
    let engine = engine(store)
    let key = RequestHash.of("1")
    func send(_ event: HealthEvent) -> [LateLabel] {
      var bytes: [UInt8] = []
      event.append(to: &bytes)
      return engine.receive(bytes[...])
    }
    let late = send(.label(LateLabel(time: 5, requestHash: key, label: 1, predicted: 1)))
    #expect(late.count == 1)
    #expect(send(.prediction(Rows.record(1))).isEmpty)
    engine.settle(late)
    #expect(
      send(.label(LateLabel(time: 6, requestHash: key, label: 0, predicted: 1, previous: 1)))
        .isEmpty)
    let labels = engine.json(at: 10)["labels"]
    #expect(labels?["counted"] == 1 && labels?["replaced"] == 1, "\(labels ?? .null)")
    store.close()
  }
}
