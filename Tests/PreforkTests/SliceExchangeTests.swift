import CSystem
import Foundation
import Prefork
import TestDaemon
import Testing

@Suite struct SliceExchangeTests {
  private let scoreboard: Scoreboard
  private let exchange: SliceExchange

  init() throws {
    let memory = try SharedMemory(
      byteCount: SliceExchange.byteCount(workers: 3) + Scoreboard.byteCount(slots: 3))
    exchange = try SliceExchange(in: memory, workers: 3)
    scoreboard = try Scoreboard(in: memory, slots: 3)
  }

  private func desk(_ worker: Int, generation: UInt64 = 1) -> SliceDesk {
    let slot = scoreboard[worker]
    slot.generation = generation
    slot.beat()
    let desk = SliceDesk(exchange, slot: slot, scoreboard: scoreboard)
    desk.setLaden(true)
    return desk
  }

  @Test func anAnswerComesBackAndNothingStays() throws {
    let (owner, taker) = (desk(0), desk(1))
    let offer = try #require(owner.offer([1, 2, 3]))
    #expect(owner.progress(of: offer) == .open)
    #expect(owner.take()?.content == nil, "nobody takes what is its own")
    let taken = try #require(taker.take())
    #expect(taken.content == [1, 2, 3])
    #expect(owner.progress(of: offer) == .taken(by: 1))
    #expect(taker.take()?.content == nil)
    taker.finish(taken, answer: [9])
    #expect(owner.progress(of: offer) == .answered([9]))
    #expect(owner.progress(of: offer) == .unanswered)
    #expect(exchange.isClean)
    #expect(exchange.count(.given, worker: 0) == 1 && exchange.count(.taken, worker: 1) == 1)
  }

  @Test func otherGenerationsTakeNothing() throws {
    let (owner, taker) = (desk(0), desk(1, generation: 2))
    _ = try #require(owner.offer([1]))
    #expect(taker.take()?.content == nil)
    #expect(desk(2).take() != nil)
  }

  @Test func aFullAreaTakesNoMoreAndIsFreeAgain() throws {
    let (owner, taker) = (desk(0), desk(1))
    let whole = [UInt8](repeating: 7, count: SliceExchange.capacity)
    #expect(owner.offer(whole + [7]) == nil, "larger than a slot")
    var offers: [SliceDesk.Offer] = []
    while let offer = owner.offer(whole) { offers.append(offer) }
    #expect(offers.count == SliceExchange.slotsPerWorker)
    let taken = try #require(taker.take())
    #expect(taken.content == whole)
    taker.finish(taken, answer: whole + [7])
    let ends = offers.map { owner.progress(of: $0) == .declined || owner.withdraw($0) }
    #expect(ends.allSatisfy { $0 })
    #expect(exchange.isClean)
    #expect(owner.offer(whole) != nil)
  }

  @Test(arguments: [false, true]) func whoEndsOverASliceLosesIt(isFault: Bool) throws {
    let (owner, taker) = (desk(0), desk(1))
    let offer = try #require(owner.offer([1, 2]))
    _ = try #require(taker.take())
    exchange.workerEnded(1, isFault: isFault)
    #expect(owner.progress(of: offer) == (isFault ? .fatal : .unanswered))
    #expect(exchange.isClean)
    #expect(exchange.count(isFault ? .fatal : .lost, worker: 0) == 1)
  }

  @Test func whatAnEndedWorkerOfferedIsVoid() throws {
    let (owner, taker, other) = (desk(0), desk(1), desk(2))
    _ = owner.offer([1])
    _ = owner.offer([2])
    _ = owner.offer([3])
    let first = try #require(taker.take())
    let second = try #require(taker.take())
    taker.finish(second, answer: [5])
    exchange.workerEnded(0, isFault: false)
    desk(0).setLaden(true)
    #expect(other.take()?.content == nil)
    #expect(!exchange.isClean, "the taker has one yet")
    taker.finish(first, answer: [6])
    #expect(exchange.isClean)
  }

  @Test func aStoppedTakerIsNotWaitedForAndDisturbsNobody() throws {
    let (owner, taker) = (desk(0), desk(1))
    let offer = try #require(owner.offer([1, 2]))
    let taken = try #require(taker.take())
    #expect(!owner.isSilent(1))
    scoreboard[1].heartbeat -= 1_100_000_000
    #expect(owner.isSilent(1))
    #expect(owner.reclaim(offer))
    #expect(owner.progress(of: offer) == .unanswered)
    let second = try #require(owner.offer([3]))
    // It goes on.
    taker.finish(taken, answer: [9, 9])
    #expect(owner.progress(of: second) == .open)
    #expect(owner.withdraw(second))
    #expect(exchange.isClean)
  }

  @Test func onlyIdleWorkersOfTheSameGenerationAreCalledAndEachOnce() {
    let (owner, idle) = (desk(0), desk(1))
    let other = desk(2, generation: 2)
    idle.setIdle(true)
    other.setIdle(true)
    #expect(owner.idleWorkers == [1])
    #expect(owner.claim(1))
    #expect(!owner.claim(1))
    owner.wake(1)
    #expect(owner.idleWorkers.isEmpty)
    var waiting = pollfd(fd: idle.wakeup, events: Int16(POLLIN), revents: 0)
    #expect(poll(&waiting, 1, 0) == 1)
    idle.clearWakeup()
    #expect(poll(&waiting, 1, 0) == 0)
  }

  /// `Tests/SliceStorm`: workers are killed and stopped at any instruction; `make thread-sanitizer` runs it for a minute.
  @Test(.enabled(if: Self.isStormBuilt), arguments: ["processes", "threads"])
  func aStormOfDeathsLosesNoSliceAndLeavesNoText(kind: String) throws {
    let storm = Process()
    storm.executableURL = Self.storm
    storm.arguments = [kind, "2"]
    let output = Pipe()
    storm.standardOutput = output
    try storm.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    storm.waitUntilExit()
    #expect(storm.terminationStatus == 0, "\(text)")
    for name in ["deaths", "answered", "computed"] {
      #expect(!text.contains("\(name)=0 ") && text.contains("\(name)="), "\(text)")
    }
  }

  private static let storm = BuiltMartlet.product("slice-storm")
  private static var isStormBuilt: Bool { FileManager.default.isExecutableFile(atPath: storm.path) }
}
