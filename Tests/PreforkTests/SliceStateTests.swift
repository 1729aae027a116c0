import Prefork
import Testing

/// Walks every order of the steps of an owner, of takers and of the arbiter over one slot, with deaths at every step.
///
/// A step is one access to shared memory: reading the word, a compare-and-swap, or touching one of two bytes. The programs are those of
/// `SliceDesk` and `SliceExchange.workerEnded`; the words are those of `SliceState` itself.
private struct Walk: Hashable {
  /// Where a process stands in its program.
  enum Point: Hashable {
    case rest
    case load(Step)
    case swap(Step, UInt64)
    /// Touches the first and then the second byte.
    case touch(Touch, byte: Int)
    /// The owner has offered.
    case waiting
    /// The taker has what it computes on.
    case computing
    case over
  }

  enum Step: Hashable {
    case fill, offer, withdraw, reclaim, poll, empty
    case take, finish, decline, release
    case takerEnded, lookForAbandoned, releaseDead, ownerEnded, lookForFilling, emptyDead
  }

  enum Touch: Hashable { case write, read, wipe, wipeInput }

  /// One process: 0 is the owner, 1… are takers.
  struct Process: Hashable {
    var point = Point.rest
    var isAlive = true
    /// Offers that an owner makes, slices that a taker takes.
    var rounds: Int
    var serial: UInt32 = 0
    /// What an owner makes of the offer, once it has wiped the slot.
    var end: End?
  }

  enum End: Hashable { case answered, computed, failed }

  var word = SliceState()
  var bytes: [UInt8] = [0, 0]
  var processes: [Process]
  /// Which process the arbiter settles, and where it stands.
  var settling: Int?
  var arbiter = Point.rest
  var ended: [Int] = []
  var deaths: Int
  var isFault = false
  /// Whether the owner makes a mistake: it takes a slot for empty that another still has.
  var isCareless = false

  init(takers: Int, rounds: Int, deaths: Int) {
    processes = (0...takers).map { _ in Process(rounds: rounds) }
    self.deaths = deaths
  }

  static func input(_ serial: UInt32) -> UInt8 { UInt8(serial % 50) * 2 + 1 }
  static func answer(_ serial: UInt32) -> UInt8 { UInt8(serial % 50) * 2 + 2 }

  /// Whether a process may touch the bytes now.
  private func owns(_ who: Int?) -> Bool {
    switch (word.phase, who) {
    case (.filling, 0), (.done, 0), (.declined, 0), (.lost, 0), (.fatal, 0): true
    case (.taken, let who?), (.abandoned, let who?): who > 0 && word.taker == who
    // The arbiter, for one that has ended.
    case (.filling, nil): settling == 0
    case (.abandoned, nil): word.taker == settling
    default: false
    }
  }

  // MARK: - What may happen next

  /// Every state that one step leads to, and what is wrong with the steps.
  func successors() -> (states: [Walk], faults: [String]) {
    var (states, faults): ([Walk], [String]) = ([], [])
    for who in processes.indices where processes[who].isAlive {
      for choice in choices(processes[who].point, isOwner: who == 0, rounds: processes[who].rounds)
      {
        var next = self
        next.processes[who].point = choice
        if let fault = next.step(who) { faults.append(fault) }
        states.append(next)
      }
      if deaths > 0 {
        for isFault in who == 0 ? [false] : [false, true] {
          var next = self
          next.deaths -= 1
          next.processes[who].isAlive = false
          next.processes[who].end = nil
          next.isFault = isFault
          next.ended.append(who)
          states.append(next)
        }
      }
    }
    if settling != nil || !ended.isEmpty {
      var next = self
      if let fault = next.settle() { faults.append(fault) }
      states.append(next)
    }
    return (states, faults)
  }

  /// What a process may do from where it stands.
  private func choices(_ point: Point, isOwner: Bool, rounds: Int) -> [Point] {
    switch point {
    case .rest: rounds == 0 ? [] : [.load(isOwner ? .fill : .take)]
    case .waiting: [.load(.poll), .load(.withdraw), .load(.reclaim)]
    case .computing: [.touch(.write, byte: 0), .load(.decline)]
    case .over: []
    case .load, .swap, .touch: [point]
    }
  }

  /// Whether all that live have done what they wanted, and the dead are settled.
  var isOver: Bool {
    ended.isEmpty && settling == nil
      && processes.allSatisfy { $0.isAlive && $0.point == .rest }
  }

  // MARK: - One step of a worker

  private mutating func step(_ who: Int) -> String? {
    switch processes[who].point {
    case .load(.poll): return poll()
    case .load(let step): processes[who].point = .swap(step, word.word)
    case .swap(let step, let seen): swap(who, step, seen)
    case .touch(let touch, let byte): return self.touch(who, touch, byte)
    case .rest, .waiting, .computing, .over: break
    }
    return nil
  }

  private mutating func poll() -> String? {
    processes[0].point = .waiting
    switch word.phase {
    case .offered, .taken: break
    case .done: processes[0].point = .touch(.read, byte: 0)
    case .declined, .lost: wipe(.computed)
    case .fatal: wipe(.failed)
    case .empty, .filling, .abandoned: return "the owner waits for a slot that is \(word.phase)"
    }
    return word.serial == processes[0].serial ? nil : "the owner's slot has other contents"
  }

  private mutating func wipe(_ end: End) {
    processes[0].end = end
    processes[0].point = .touch(.wipe, byte: 0)
  }

  private func next(_ state: SliceState, _ step: Step, _ who: Int) -> SliceState? {
    switch step {
    case .fill: state.filled(for: 1)
    case .offer: state.offered()
    case .withdraw: state.withdrawn()
    case .reclaim where isCareless:
      state.reclaimed().flatMap { SliceState(word: $0.word & ~0xFFFF) }
    case .reclaim: state.reclaimed()
    case .empty, .emptyDead: state.emptied()
    case .take: state.taken(by: who, of: 1)
    case .finish: state.finished(by: who)
    case .decline: state.declined(by: who)
    case .release, .releaseDead: state.released(by: who)
    case .takerEnded: state.takerEnded(who, isFault: isFault)
    case .ownerEnded: state.ownerEnded()
    case .poll, .lookForAbandoned, .lookForFilling: nil
    }
  }

  private mutating func swap(_ who: Int, _ step: Step, _ seen: UInt64) {
    guard let state = SliceState(word: seen), let changed = next(state, step, who) else {
      return refused(who, step)
    }
    // Another was faster: it looks again.
    guard word.word == seen else { return processes[who].point = .load(step) }
    word = changed
    switch step {
    case .fill:
      processes[who].serial = changed.serial
      processes[who].point = .touch(.write, byte: 0)
    case .offer: processes[who].point = .waiting
    case .withdraw: wipe(.computed)
    case .reclaim: resolve()
    case .empty: resolve()
    case .take:
      processes[who].serial = changed.serial
      processes[who].point = .touch(.read, byte: 0)
    default: rest(who)
    }
  }

  private mutating func refused(_ who: Int, _ step: Step) {
    switch step {
    case .withdraw, .reclaim: processes[who].point = .waiting
    case .finish, .decline: processes[who].point = .touch(.wipe, byte: 0)
    default: rest(who)
    }
  }

  private mutating func rest(_ who: Int) {
    processes[who].rounds -= 1
    processes[who].point = .rest
  }

  private mutating func resolve() {
    processes[0].end = nil
    rest(0)
  }

  private mutating func touch(_ who: Int, _ touch: Touch, _ byte: Int) -> String? {
    let serial = processes[who].serial
    guard owns(who) else { return "process \(who) touches the bytes of a slot that is \(word)" }
    switch touch {
    case .write:
      guard bytes[byte] == 0 else { return "process \(who) writes over what was not wiped" }
      bytes[byte] = who == 0 ? Self.input(serial) : Self.answer(serial)
    case .read:
      let expected = who == 0 ? Self.answer(serial) : Self.input(serial)
      guard bytes[byte] == expected else { return "process \(who) reads \(bytes)" }
    case .wipe, .wipeInput: bytes[byte] = 0
    }
    if byte == 0 {
      processes[who].point = .touch(touch, byte: 1)
      return nil
    }
    switch (touch, who) {
    case (.write, 0): processes[who].point = .load(.offer)
    case (.read, 0): wipe(.answered)
    case (_, 0): processes[who].point = .load(.empty)
    case (.read, _): processes[who].point = .touch(.wipeInput, byte: 0)
    case (.wipeInput, _): processes[who].point = .computing
    case (.write, _): processes[who].point = .load(.finish)
    case (.wipe, _): processes[who].point = .load(.release)
    }
    return nil
  }

  // MARK: - The arbiter

  private mutating func settle() -> String? {
    guard let who = settling else {
      settling = ended.removeFirst()
      arbiter = .load(.takerEnded)
      return nil
    }
    switch arbiter {
    case .load(.lookForAbandoned):
      let isIts = word.phase == .abandoned && word.taker == who
      arbiter = isIts ? .touch(.wipe, byte: 0) : .load(.ownerEnded)
      if !isIts && who != 0 { bury() }
    case .load(.lookForFilling):
      if word.phase == .filling { arbiter = .touch(.wipeInput, byte: 0) } else { bury() }
    case .load(let step): arbiter = .swap(step, word.word)
    case .swap(let step, let seen): settle(who, step, seen)
    case .touch(let touch, let byte):
      guard owns(nil) else { return "the arbiter touches the bytes of a slot that is \(word)" }
      bytes[byte] = 0
      let last = touch == .wipe ? Step.releaseDead : .emptyDead
      arbiter = byte == 0 ? .touch(touch, byte: 1) : .load(last)
    case .rest, .waiting, .computing, .over: break
    }
    return nil
  }

  private mutating func settle(_ who: Int, _ step: Step, _ seen: UInt64) {
    if let state = SliceState(word: seen), let changed = next(state, step, who) {
      guard word.word == seen else { return arbiter = .load(step) }
      word = changed
    }
    switch step {
    case .takerEnded: arbiter = .load(.lookForAbandoned)
    case .releaseDead: if who == 0 { arbiter = .load(.ownerEnded) } else { bury() }
    case .ownerEnded: arbiter = .load(.lookForFilling)
    default: bury()
    }
  }

  /// Another process gets the worker slot.
  private mutating func bury() {
    guard let who = settling else { return }
    processes[who].isAlive = true
    processes[who].point = .rest
    (settling, arbiter) = (nil, .rest)
  }

  // MARK: - An owner whom nobody helps

  /// Whether the owner comes to an end of its offer where all others have stopped.
  func ownerEndsAlone() -> Bool {
    var walk = self
    guard walk.processes[0].isAlive else { return true }
    let rounds = walk.processes[0].rounds
    var tries: [Step] = []
    for _ in 0..<60 {
      if walk.processes[0].rounds < rounds || walk.processes[0].point == .rest { return true }
      if walk.processes[0].point == .waiting {
        if tries.isEmpty { tries = [.poll, .withdraw, .reclaim] }
        walk.processes[0].point = .load(tries.removeFirst())
      }
      if walk.step(0) != nil { return false }
    }
    return false
  }
}

@Suite struct SliceStateTests {
  /// Visits every state that can be reached.
  private func walk(_ start: Walk) -> (count: Int, ends: Int, faults: Set<String>) {
    var (seen, open, faults, ends): (Set<Walk>, [Walk], Set<String>, Int) = (
      [start], [start], [], 0
    )
    while let state = open.popLast() {
      let (next, wrong) = state.successors()
      faults.formUnion(wrong)
      if !state.ownerEndsAlone() { faults.insert("the owner hangs at \(state.processes[0].point)") }
      if state.isOver {
        ends += 1
        if state.word.phase != .empty { faults.insert("a slot stays \(state.word.phase)") }
        if state.bytes != [0, 0] { faults.insert("bytes stay: \(state.bytes)") }
      } else if next.isEmpty {
        faults.insert("nothing goes on: \(state)")
      }
      for state in next where seen.insert(state).inserted { open.append(state) }
      if faults.count > 3 { break }
    }
    return (seen.count, ends, faults)
  }

  @Test(arguments: [(1, 3, 2), (1, 2, 3), (2, 1, 2)])
  func everyOrderOfStepsAndDeathsKeepsTheRules(takers: Int, rounds: Int, deaths: Int) {
    let (count, ends, faults) = walk(Walk(takers: takers, rounds: rounds, deaths: deaths))
    #expect(faults.isEmpty)
    #expect(ends > 0)
    #expect(count > 10_000)
    print("\(takers) takers, \(rounds) rounds, \(deaths) deaths: \(count) states")
  }

  @Test func theWalkFindsASlotThatIsGivenAwayTooEarly() {
    var start = Walk(takers: 1, rounds: 2, deaths: 0)
    start.isCareless = true
    #expect(walk(start).faults.contains { $0.contains("touches the bytes") })
  }

  @Test func everyStateHasAWordOfItsOwn() throws {
    let filled = try #require(SliceState().filled(for: 0xABCD))
    let taken = try #require(filled.offered()?.taken(by: 4095, of: 0xABCD))
    let states = [
      SliceState(), filled, try #require(filled.offered()), taken,
      try #require(taken.finished(by: 4095)), try #require(taken.declined(by: 4095)),
      try #require(taken.takerEnded(4095, isFault: false)),
      try #require(taken.takerEnded(4095, isFault: true)), try #require(taken.reclaimed()),
    ]
    #expect(Set(states.map(\.phase)) == Set(SliceState.Phase.allCases))
    #expect(Set(states.map(\.word)).count == states.count)
    for state in states { #expect(SliceState(word: state.word) == state) }
    #expect(SliceState().word == 0)
    #expect(SliceState(word: 15) == nil)
  }

  @Test func onlyTheSameGenerationTakes() throws {
    let offered = try #require(SliceState().filled(for: 7)?.offered())
    #expect(offered.taken(by: 1, of: 8) == nil)
    #expect(offered.taken(by: 1, of: 7)?.phase == .taken)
  }
}
