import Foundation
import Health
import History
import JSON
import Synchronization
import Testing

@Suite("A wall clock that is set while the pool runs")
struct ClockJumpTests {
  /// A machine whose clocks the test moves.
  private final class Machine: Sendable {
    private let clocks = Mutex((steady: 500.0, wall: 1_800_000_000.0))

    var clock: HealthClock {
      HealthClock(
        steady: { self.clocks.withLock { $0.steady } }, wall: { self.clocks.withLock { $0.wall } })
    }
    var wall: Double { clocks.withLock { $0.wall } }

    func pass(_ seconds: Double) {
      clocks.withLock { $0 = ($0.steady + seconds, $0.wall + seconds) }
    }
    func set(_ seconds: Double) { clocks.withLock { $0.wall += seconds } }
  }

  /// A pool whose health process sees one text and one label a minute.
  private final class Pool {
    let engine: HealthEngine
    let store: HistoryStore?
    let clock: HealthClock
    let machine: Machine
    private var count = 0

    init(_ machine: Machine, _ path: String? = nil) {
      self.machine = machine
      store = path.map { Rows.sqlite($0) }
      clock = machine.clock
      engine = HealthEngine(
        labels: ["ham", "spam"], reference: nil, options: HealthOptions(), store: store,
        log: LogLines().logger)
      engine.restore(at: clock.now)
    }

    func run(minutes: Int, seconds: Double = 60) {
      for _ in 0..<minutes {
        var record = Rows.record(count)
        (record.time, record.requestHash) = (clock.microseconds, UInt64.random(in: .min ... .max))
        var bytes: [UInt8] = []
        HealthEvent.prediction(record).append(to: &bytes)
        HealthEvent.label(
          LateLabel(
            time: clock.microseconds, requestHash: record.requestHash, label: record.predicted,
            predicted: record.predicted)
        ).append(to: &bytes)
        engine.settle(engine.receive(bytes[...]))
        engine.tick(PoolReading(), at: clock.now, shift: clock.shift)
        machine.pass(seconds)
        count += 1
      }
    }

    func end() { engine.finish(at: clock.now - 1) }

    /// Texts of each minute on the page, and the minutes' times.
    func page() throws -> (texts: [Double], times: [Double], json: JSONObject) {
      let json = engine.json(at: clock.now, seconds: 7200, shift: clock.shift)
      let series = try #require(json["series"])
      let texts = try #require(series["texts"]?.arrayValue).compactMap(\.doubleValue)
      let times = try #require(series["time"]?.arrayValue).compactMap(\.doubleValue)
      return (texts.map { ($0 * 60).rounded() }, times, json)
    }
  }

  private func check(_ pool: Pool, minutes: Int) throws {
    let (texts, times, json) = try pool.page()
    #expect(texts.reduce(0, +) == Double(minutes), "\(texts)")
    #expect(times.count == minutes && zip(times, times.dropFirst()).allSatisfy { $1 - $0 == 60 })
    let behind = pool.machine.wall - (times.last ?? 0)
    #expect((0...121).contains(behind), "\(behind) s behind the wall clock")
    let now = Date(timeIntervalSince1970: pool.machine.wall).formatted(.iso8601)
    #expect(json["time"]?.stringValue == now)
    #expect(json["labels"]?["counted"]?.intValue == minutes)
  }

  @Test("hours back and forth leave the page whole, and it is dated by the wall clock")
  func inMemory() throws {
    let machine = Machine()
    let pool = Pool(machine)
    pool.run(minutes: 20)
    try check(pool, minutes: 20)
    for (index, hours) in [-2.0, 5, -3, -48].enumerated() {
      machine.set(hours * 3600)
      try check(pool, minutes: 20 + 10 * index)
      pool.run(minutes: 10)
      try check(pool, minutes: 30 + 10 * index)
    }
  }

  @Test("what a process before the jump kept stays whole in the store, and goes on behind it")
  func inStore() throws {
    let folder = try Folder()
    let machine = Machine()
    let first = Pool(machine, folder.store)
    first.run(minutes: 20)
    machine.set(-7200)
    first.run(minutes: 10)
    first.end()
    // A new pool, which knows the wall clock as it is now.
    let second = Pool(machine, folder.store)
    try check(second, minutes: 30)
    second.run(minutes: 20)
    try check(second, minutes: 50)
    second.end()
    machine.set(3600)
    let third = Pool(machine, folder.store)
    third.run(minutes: 1)
    #expect(try third.page().texts.reduce(0, +) == 51)
    third.end()
    let rows = try Process.sqlite(
      folder.store, "SELECT count(*) || ' ' || count(DISTINCT start) FROM minute")
    #expect(rows == "51 51")
  }

  @Test("a restart within a minute adds to that minute")
  func sameMinute() throws {
    let folder = try Folder()
    let machine = Machine()
    for _ in 0..<3 {
      let pool = Pool(machine, folder.store)
      pool.run(minutes: 1, seconds: 5)
      pool.end()
    }
    let pool = Pool(machine, folder.store)
    #expect(try pool.page().texts.reduce(0, +) == 3)
    pool.end()
  }
}
