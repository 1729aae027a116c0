import CSystem
import Glibc
import Prefork
import Testing

/// Runs `body` in a forked child and gives its exit code. The test process has threads, so the child may only touch shared
/// memory and leave.
private func inChild(_ body: () -> Void) -> Int32 {
  let child = martlet_fork()
  if child == 0 {
    body()
    martlet_exit_now(7)
  }
  var status: Int32 = 0
  while waitpid(child, &status, 0) < 0 && errno == EINTR {}
  return martlet_did_exit(status)
    ? martlet_exit_status(status) : -martlet_termination_signal(status)
}

@Suite struct SharedMemoryTests {
  @Test func aMappingIsRoundedUpToWholePages() throws {
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    #expect(try SharedMemory(byteCount: 1).byteCount == page)
    #expect(try SharedMemory(byteCount: page).byteCount == page)
    #expect(try SharedMemory(byteCount: page + 1).byteCount == 2 * page)
  }

  @Test(arguments: [0, -1, Int.max]) func impossibleSizesAreRefused(size: Int) {
    #expect(throws: PreforkError.invalidSize(size)) { try SharedMemory(byteCount: size) }
  }

  @Test func carvingPastTheEndIsRefusedAndLeavesTheRestUsable() throws {
    let memory = try SharedMemory(byteCount: 4096)
    _ = try SharedCounters(in: memory, count: 256)
    #expect(memory.usedByteCount == 2048)
    #expect(throws: PreforkError.sharedMemoryFull(requested: 2056, available: 2048)) {
      try SharedCounters(in: memory, count: 257)
    }
    let rest = try SharedCounters(in: memory, count: 256)
    rest.add(3, at: 255)
    #expect(rest.load(at: 255) == 3)
    #expect(throws: PreforkError.self) { try SharedCounters(in: memory, count: 1) }
    #expect(throws: PreforkError.invalidSize(0)) { try SharedCounters(in: memory, count: 0) }
  }

  @Test func countersStartAtZeroAndDoNotOverlap() throws {
    let memory = try SharedMemory(byteCount: 4096)
    let first = try SharedCounters(in: memory, count: 3)
    let second = try SharedCounters(in: memory, count: 3)
    for index in 0..<3 { first.add(UInt64(index) + 1, at: index) }
    #expect(second.snapshot() == [0, 0, 0])
    second.store(9, at: 0)
    #expect(first.snapshot() == [1, 2, 3])
    first.subtract(at: 2)
    first.raise(to: 10, at: 1)
    first.raise(to: 4, at: 1)
    #expect(first.snapshot() == [1, 10, 2])
  }

  @Test func whatAChildWritesTheParentReadsAfterItsDeath() throws {
    let memory = try SharedMemory(byteCount: 1 << 16)
    let table = try SharedCounterTable(in: memory, slots: 3, countPerSlot: 2)
    let histogram = try SharedHistogram(in: memory)
    let reals = try SharedReals(in: memory, count: 1)
    for slot in 0..<3 {
      let code = inChild {
        table[slot].add(UInt64(slot) + 1, at: 0)
        table[slot].add(100, at: 1)
        histogram.record(nanoseconds: 1_000)
        reals.add(0.25, at: 0)
      }
      #expect(code == 7)
    }
    #expect(table.sums() == [6, 300])
    #expect(table[1].snapshot() == [2, 100])
    #expect(histogram.snapshot().count == 3)
    #expect(reals.load(at: 0) == 0.75)
  }

  @Test func additionsFromSeveralProcessesAtOnceAreNotLost() throws {
    let memory = try SharedMemory(byteCount: 4096)
    let counters = try SharedCounters(in: memory, count: 1)
    let reals = try SharedReals(in: memory, count: 1)
    var children: [pid_t] = []
    for _ in 0..<4 {
      let child = martlet_fork()
      if child == 0 {
        for _ in 0..<20_000 {
          counters.add(at: 0)
          reals.add(1, at: 0)
        }
        martlet_exit_now(0)
      }
      children.append(child)
    }
    for child in children {
      var status: Int32 = 0
      while waitpid(child, &status, 0) < 0 && errno == EINTR {}
    }
    #expect(counters.load(at: 0) == 80_000)
    #expect(reals.load(at: 0) == 80_000)
  }

  @Test func anIndexOutsideTheRowEndsTheProcessInsteadOfWritingElsewhere() throws {
    let memory = try SharedMemory(byteCount: 4096)
    let table = try SharedCounterTable(in: memory, slots: 2, countPerSlot: 2)
    // The row is padded to a cache line, so this would hit padding, and the next row at 8.
    #expect(inChild { table[0].add(at: 2) } != 7)
    #expect(inChild { table[0].add(at: 8) } != 7)
    #expect(inChild { table[2].add(at: 0) } != 7)
    #expect(inChild { table[0].add(at: -1) } != 7)
    #expect(table.sums() == [0, 0])
  }
}

@Suite struct LatencyHistogramTests {
  @Test func everyValueFallsInsideTheBoundsOfItsBucket() {
    var value: UInt64 = 0
    while value <= LatencyBuckets.maximum {
      let index = LatencyBuckets.index(of: value)
      #expect(LatencyBuckets.lowerBound(of: index) <= value)
      #expect(LatencyBuckets.upperBound(of: index) >= value)
      value = value + value / 7 + 1
    }
    #expect(LatencyBuckets.index(of: .max) == LatencyBuckets.count - 1)
  }

  @Test func bucketsAdjoinAndAreNarrowerThanOneThirtySecondOfTheirValue() {
    for index in 1..<LatencyBuckets.count {
      let lower = LatencyBuckets.lowerBound(of: index)
      #expect(LatencyBuckets.upperBound(of: index - 1) + 1 == lower)
      #expect(LatencyBuckets.index(of: lower) == index)
      let width = LatencyBuckets.upperBound(of: index) - lower + 1
      #expect(width == 1 || width * 32 <= lower)
    }
  }

  @Test func quantilesAgreeWithTheSortedValuesToWithinABucket() throws {
    let memory = try SharedMemory(byteCount: 1 << 16)
    let histogram = try SharedHistogram(in: memory)
    #expect(histogram.snapshot().quantile(0.5) == nil)
    // 1 µs, 2 µs … 1000 µs: the q-quantile is q ms exactly.
    for step in 1...1_000 { histogram.record(nanoseconds: UInt64(step) * 1_000) }
    let snapshot = histogram.snapshot()
    #expect(snapshot.count == 1_000)
    #expect(snapshot.sum == 500_500_000)
    #expect(snapshot.maximum == 1_000_000)
    for quantile in [0.001, 0.5, 0.9, 0.99, 0.999, 1] {
      let exact = quantile * 1_000_000
      let estimate = Double(try #require(snapshot.quantile(quantile)))
      #expect(estimate >= exact && estimate <= exact * 1.033)
    }
    #expect(snapshot.quantile(.nan) == nil)
    #expect(snapshot.quantile(2) == snapshot.maximum)
  }

  @Test func histogramsOfSeveralWorkersAddUp() throws {
    let memory = try SharedMemory(byteCount: SharedHistogramTable.byteCount(slots: 2))
    let table = try SharedHistogramTable(in: memory, slots: 2)
    table[0].record(nanoseconds: 10)
    table[0].record(nanoseconds: .max)
    table[1].record(nanoseconds: 30)
    let total = table.total()
    #expect(total.count == 3)
    #expect(total.maximum == .max)
    #expect(total.quantile(0.3) == 10)
    #expect(total.count(atMost: 10) == 1)
    #expect(total.count(atMost: 30) == 2)
    #expect(total.count(atMost: .max) == 3)
  }
}

@Suite struct ScoreboardTests {
  @Test func theScoreboardFitsTheSizeItAsksFor() throws {
    let memory = try SharedMemory(byteCount: Scoreboard.byteCount(slots: 5))
    let board = try Scoreboard(in: memory, slots: 5)
    #expect(board.slotCount == 5)
    #expect(board.liveSlots.isEmpty)
    #expect(memory.usedByteCount == Scoreboard.byteCount(slots: 5))
  }

  @Test func aWorkersWordsReachTheOtherProcess() throws {
    let memory = try SharedMemory(byteCount: Scoreboard.byteCount(slots: 2))
    let board = try Scoreboard(in: memory, slots: 2)
    let before = martlet_monotonic_nanoseconds()
    let code = inChild {
      let slot = board[1]
      slot.processIdentifier = getpid()
      slot.state = .ready
      slot.beat()
      slot.addRequests(5)
      slot.connections = 3
    }
    #expect(code == 7)
    #expect(board.readyCount == 1)
    #expect(board.liveSlots.map(\.index) == [1])
    #expect(board[1].requests == 5)
    #expect(board[1].connections == 3)
    #expect(board[1].heartbeat >= before)
    #expect(board[0].heartbeat == 0)
  }
}
