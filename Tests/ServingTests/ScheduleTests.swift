import Foundation
import HTTP
import Serving
import Testing

extension ServedTrunk {
  /// One whose batches take so many nanoseconds, and so many more a token.
  fileprivate convenience init(offset: Int64, perToken: Int64) {
    self.init()
    for _ in 0..<8 {
      for tokens in [1, 10, 100, 1000, 10000] {
        record(
          tokens: tokens, estimate: tokens, nanoseconds: offset + perToken * Int64(tokens))
      }
    }
  }
}

/// A worker whose clock is the work that it does.
private struct FakeWorker {
  var schedule = Schedule<String>()
  var now: Int64 = 0
  /// Texts of each batch by name, and when each request was done.
  var batches: [[String: Int]] = []
  var ends: [String: Int64] = [:]
  let offset: Int64
  let perToken: Int64

  init(offset: Int64, perToken: Int64) { (self.offset, self.perToken) = (offset, perToken) }

  /// A request of texts with so many tokens each.
  @discardableResult
  mutating func add(
    _ name: String, client: Int = 0, weight: Double = 1, _ trunk: ServedTrunk, texts: Int = 1,
    tokens: Int = 100, deadline: Int64 = .max
  ) -> ScheduledWork<String> {
    let work = ScheduledWork(
      name, client: .token(client), weight: weight, trunk: trunk, textCount: texts,
      deadline: deadline,
      tokenEstimate: texts * tokens
    ) { _ in tokens }
    schedule.add(work)
    return work
  }

  /// Computes one batch; false where nothing waits.
  mutating func step(load: Double = 0) -> Bool {
    let slices = schedule.take(load: load)
    if slices.isEmpty { return false }
    let tokens = slices.reduce(0) { $0 + $1.tokenEstimate }
    let time = offset + perToken * Int64(tokens)
    now += time
    batches.append(
      Dictionary(slices.map { ($0.work.payload, $0.texts.count) }, uniquingKeysWith: +))
    for slice in slices {
      schedule.complete(
        slice, nanoseconds: time * Int64(slice.tokenEstimate) / Int64(tokens))
      if slice.work.done == slice.work.textCount { ends[slice.work.payload] = now }
    }
    return true
  }

  /// When a request was done; never, where it is not.
  func end(_ name: String) -> Int64 { ends[name] ?? .max }

  mutating func runToTheEnd() { while step() {} }
}

/// SplitMix64 (Steele, Lea and Flood, 2014).
private struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}

private let millisecond: Int64 = 1_000_000

@Suite struct ScheduleTests {
  /// 10 ms for a text of 100 tokens; nothing is gained by a batch.
  private let trunk = ServedTrunk(offset: 0, perToken: 100_000)
  private var worker = FakeWorker(offset: 0, perToken: 100_000)

  @Test mutating func aListIsCutIntoSlicesAndNoTextIsCut() {
    worker.add("list", trunk, texts: 10)
    worker.add("long", trunk, tokens: 2000)
    worker.runToTheEnd()
    // 30 ms are three texts, and the long one takes 200.
    #expect(worker.batches == [["list": 3], ["long": 1], ["list": 3], ["list": 3], ["list": 1]])
  }

  @Test mutating func aSmallRequestOvertakesAListOfItsClientAndOfAnother() {
    for client in [0, 1] {
      worker.add("list \(client)", trunk, texts: 100)
      for _ in 0..<2 { _ = worker.step() }
      let before = worker.now
      worker.add("small \(client)", client: client, trunk)
      _ = worker.step()
      #expect(worker.ends["small \(client)"] == before + 10 * millisecond)
    }
  }

  @Test mutating func equalRequestsAreServedInTheOrderOfTheirArrival() {
    for index in 0..<50 {
      worker.add("\(index)", trunk)
      if index % 3 == 0 { _ = worker.step() }
    }
    worker.runToTheEnd()
    #expect(worker.batches.flatMap(\.keys) == (0..<50).map { "\($0)" })
  }

  @Test mutating func aListGoesOnWhileSmallRequestsNeverEnd() {
    worker.add("list", trunk, texts: 1000)
    for index in 0..<100 {
      worker.add("\(index)", trunk)
      while worker.ends["\(index)"] == nil, worker.step() {}
    }
    let list = worker.batches.reduce(0) { $0 + ($1["list"] ?? 0) }
    // One small request waits at a time, and the list has as much as all of them.
    #expect(abs(list - 100) <= 6, "\(list)")
  }

  @Test mutating func clientsShareTheTimeWhateverTheyAskForAtATime() {
    let names = ["a", "b", "c"]
    // One list, four smaller ones, and many small requests.
    worker.add("a", client: 0, trunk, texts: 400)
    for _ in 0..<4 { worker.add("b", client: 1, trunk, texts: 100) }
    for _ in 0..<400 { worker.add("c", client: 2, trunk, texts: 1) }
    while worker.now < 3000 * millisecond, worker.step() {}
    let texts = names.map { name in worker.batches.reduce(0) { $0 + ($1[name] ?? 0) } }
    for count in texts { #expect(abs(count - 100) <= 6, "\(texts)") }
  }

  @Test mutating func aClientWhoAsksOneByOneGetsNoMoreThanItsShare() {
    worker.add("list", client: 0, trunk, texts: 1000)
    var own = 0
    while worker.now < 3000 * millisecond {
      worker.add("\(own)", client: 1, trunk, tokens: 300)
      while worker.ends["\(own)"] == nil, worker.step() {}
      own += 1
    }
    let list = worker.batches.reduce(0) { $0 + ($1["list"] ?? 0) }
    #expect(abs(list - 3 * own) <= 6, "\(list) \(own)")
  }

  @Test mutating func lowPriorityHasATenthAndIsNotStarved() {
    worker.add("low", client: 0, weight: 0.1, trunk, texts: 1000)
    worker.add("normal", client: 1, trunk, texts: 1000)
    while worker.now < 6600 * millisecond, worker.step() {}
    let low = worker.batches.reduce(0) { $0 + ($1["low"] ?? 0) }
    #expect(abs(low - 60) <= 4, "\(low)")
  }

  @Test mutating func whatAClientHadWhileItWasAloneIsNotHeldAgainstIt() {
    worker.add("long ago", client: 0, trunk, texts: 100)
    worker.runToTheEnd()
    worker.add("a", client: 0, trunk)
    worker.add("b", client: 1, trunk)
    worker.runToTheEnd()
    #expect(worker.end("a") < worker.end("b"))
  }

  // MARK: - Batches

  @Test func batchesAreLargeWhereTheyGainAndNoneWhereNot() {
    for (offset, perToken, tokens, expected) in [
      // A wake-up and a fifth of a millisecond a text: nobody notices the wait.
      (Int64(50_000), Int64(10_000), 8, 20...32),
      // 10 ms for any batch.
      (10 * millisecond, 1, 100, 20...32),
      // 22 ms for each text, batch or not.
      (0, 200_000, 112, 1...1),
    ] {
      let trunk = ServedTrunk(offset: offset, perToken: perToken)
      var worker = FakeWorker(offset: offset, perToken: perToken)
      for index in 0..<40 { worker.add("\(index)", trunk, tokens: tokens) }
      _ = worker.step()
      #expect(expected.contains(worker.batches[0].count), "\(offset) \(worker.batches[0].count)")
    }
  }

  @Test func aBatchIsLargerTheMoreWaitBehindIt() {
    let trunk = ServedTrunk(offset: 3 * millisecond, perToken: 40_000)
    let sizes = [2, 6, 30].map { count in
      var worker = FakeWorker(offset: 3 * millisecond, perToken: 40_000)
      for index in 0..<count { worker.add("\(index)", trunk) }
      _ = worker.step()
      return worker.batches[0].count
    }
    #expect(sizes[0] == 1 && sizes[1] > 1 && sizes[2] > sizes[1], "\(sizes)")
  }

  @Test mutating func batchesAreOfOneTrunkAndTheOthersKeepTheirTurn() {
    let first = ServedTrunk(offset: 0, perToken: 1000)
    let second = ServedTrunk(offset: 0, perToken: 1000)
    for (index, trunk) in [first, second, first, second].enumerated() {
      worker.add("\(index)", client: index % 3, trunk)
    }
    worker.runToTheEnd()
    #expect(worker.batches == [["0": 1, "2": 1], ["1": 1, "3": 1]])
  }

  @Test mutating func beforeAnythingIsMeasuredTextsGoOneByOne() {
    worker.add("list", ServedTrunk(), texts: 3)
    worker.runToTheEnd()
    #expect(worker.batches == [["list": 1], ["list": 1], ["list": 1]])
  }

  // MARK: - Slices that come back, and works that leave

  @Test mutating func aSliceThatNobodyComputedIsGivenOutAgainFirst() {
    worker.add("list", trunk, texts: 9)
    let first = worker.schedule.take()
    let second = worker.schedule.take()
    worker.schedule.complete(second[0], nanoseconds: 30 * millisecond)
    worker.schedule.putBack(first[0])
    #expect(worker.schedule.textCount == 6)
    #expect(worker.schedule.take().map(\.texts) == [0..<3])
    let last = worker.schedule.take()
    #expect(last.map(\.texts) == [6..<9])
    #expect(worker.schedule.take().isEmpty)
    // The last of all comes back when nothing waits.
    worker.schedule.putBack(last[0])
    #expect(worker.schedule.take().map(\.texts) == [6..<9])
  }

  @Test mutating func whatComesWhileAllItsClientsWorkIsUnderWayIsGivenOut() {
    worker.add("first", trunk)
    let first = worker.schedule.take()
    worker.add("second", trunk)
    worker.add("third", trunk)
    let second = worker.schedule.take()
    #expect(second.map(\.work.payload) == ["second"])
    worker.schedule.remove(first[0].work)
    #expect(worker.schedule.take().map(\.work.payload) == ["third"])
    worker.add("fourth", trunk)
    worker.schedule.complete(second[0], nanoseconds: 1)
    #expect(worker.schedule.take().map(\.work.payload) == ["fourth"])
    #expect(worker.schedule.take().isEmpty)
  }

  @Test mutating func whoLeavesIsForgottenWhereverItsTextsAre() {
    let gone = worker.add("gone", trunk, texts: 9)
    let slices = worker.schedule.take()
    worker.add("stays", trunk, texts: 2)
    worker.schedule.remove(gone)
    worker.schedule.complete(slices[0], nanoseconds: 1)
    worker.schedule.putBack(slices[0])
    worker.schedule.remove(gone)
    #expect(worker.schedule.workCount == 1 && worker.schedule.textCount == 2)
    worker.runToTheEnd()
    #expect(worker.batches == [["stays": 2]])
    #expect(
      worker.schedule.workCount == 0 && worker.schedule.rest == 0 && worker.schedule.front == 0)
  }

  @Test mutating func worksThatNobodyWantsAreTakenOutAndTold() {
    for index in 0..<6 {
      worker.add("\(index)", client: index % 2, trunk, deadline: index < 3 ? 5 : 50)
    }
    let gone = worker.schedule.removeWaiting { $0.deadline <= 10 }
    #expect(Set(gone.map(\.payload)) == ["0", "1", "2"])
    worker.runToTheEnd()
    #expect(Set(worker.ends.keys) == ["3", "4", "5"])
  }

  // MARK: - Estimates

  @Test mutating func aListInFrontCountsWithItsNextSliceAlone() {
    worker.add("list", client: 0, trunk, texts: 256)
    for client in [0, 1] {
      #expect(worker.schedule.wait(of: .token(client)) == 30 * millisecond)
    }
    // A list of the same length takes turns with it.
    let whole = worker.schedule.wait(of: .token(1), work: 2560 * millisecond)
    #expect(whole > 4900 * millisecond && whole <= 5120 * millisecond, "\(whole)")
    for index in 0..<10 { worker.add("\(index)", client: 0, trunk) }
    #expect(worker.schedule.wait(of: .token(0)) == 130 * millisecond)
    // Another client's turn comes after one slice.
    #expect(worker.schedule.wait(of: .token(1)) == 30 * millisecond)
  }

  @Test mutating func theEstimateIsWhatTheScheduleThenDoes() {
    var random = SplitMix(state: 20)
    for _ in 0..<200 {
      var lists: Int64 = 0
      worker = FakeWorker(offset: 0, perToken: 100_000)
      for index in 0..<Int.random(in: 0...12, using: &random) {
        let isList = Bool.random(using: &random)
        worker.add(
          "\(index)", client: Int.random(in: 0...3, using: &random), trunk,
          texts: isList ? 20 : 1, tokens: Int.random(in: 20...250, using: &random))
        lists += isList ? 1 : 0
        if Bool.random(using: &random) { _ = worker.step() }
      }
      let client = Int.random(in: 0...3, using: &random)
      let estimate = worker.schedule.wait(of: .token(client), work: 10 * millisecond)
      let start = worker.now
      worker.add("own", client: client, trunk)
      while worker.ends["own"] == nil, worker.step() {}
      let real = worker.end("own") - start
      // Never less by more than a slice of each of four clients; more by that and a slice for each list.
      #expect(real - estimate <= 120 * millisecond, "\(estimate) \(real)")
      #expect(
        estimate - real <= 120 * millisecond + 50 * millisecond * lists, "\(estimate) \(real)")
    }
  }

  // MARK: - Against queueing theory

  /// Mean wait and 99th percentile of the times in the system of Poisson arrivals at a load of 0.7.
  private static func simulate(
    requests: Int, seed: UInt64, fair: Bool
  ) -> (meanWait: Double, p99: Double) {
    let (trunk, service) = (ServedTrunk(offset: 0, perToken: 200_000), 112 * 200_000)
    var (random, arrival) = (SplitMix(state: seed), 0.0)
    let arrivals = (0..<requests).map { _ -> Int64 in
      arrival -= log(Double.random(in: Double.ulpOfOne..<1, using: &random)) * Double(service) / 0.7
      return Int64(arrival)
    }
    var times: [Int64] = []
    if fair {
      var worker = FakeWorker(offset: 0, perToken: 200_000)
      var next = 0
      while next < requests || worker.schedule.workCount > 0 {
        if worker.schedule.workCount == 0 { worker.now = max(worker.now, arrivals[next]) }
        while next < requests && arrivals[next] <= worker.now {
          worker.add("\(next)", client: next % 5, trunk, tokens: 112)
          next += 1
        }
        _ = worker.step(load: 0.7)
      }
      times = (0..<requests).map { worker.end("\($0)") - arrivals[$0] }
    } else {
      var free: Int64 = 0
      for arrival in arrivals {
        free = max(free, arrival) + Int64(service)
        times.append(free - arrival)
      }
    }
    times.sort()
    let mean = times.reduce(0.0) { $0 + Double($1) } / Double(requests) - Double(service)
    return (mean, Double(times[requests * 99 / 100]))
  }

  @Test func openArrivalsOfEqualTextsWaitAsInAnMD1Queue() {
    let service = 112 * 200_000.0
    let own = Self.simulate(requests: 20_000, seed: 7, fair: true)
    let single = Self.simulate(requests: 20_000, seed: 7, fair: false)
    // Pollaczek and Khinchine: ρ s / (2 (1 - ρ)).
    #expect(abs(single.meanWait / (0.7 * service / 0.6) - 1) < 0.1)
    #expect(own.meanWait <= 1.001 * single.meanWait)
    #expect(own.p99 <= 1.05 * single.p99, "\(own.p99 / single.p99)")
  }
}
