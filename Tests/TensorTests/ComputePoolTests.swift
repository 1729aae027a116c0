import Foundation
import Synchronization
import Tensor
import Testing

@Suite("Threads that share a job")
struct ComputePoolTests {
  /// How often each index below `count` was run.
  private func runs(_ pool: ComputePool, _ count: Int) -> [Int] {
    let counts = Mutex([Int](repeating: 0, count: count))
    pool.each(count) { index in counts.withLock { $0[index] += 1 } }
    return counts.withLock { $0 }
  }

  @Test("Each part runs once, over any number of threads", arguments: [1, 2, 3, 8])
  func once(threads: Int) {
    let pool = ComputePool(threads: threads)
    for count in [0, 1, 2, 3, 7, 100] {
      #expect(runs(pool, count) == [Int](repeating: 1, count: count))
    }
  }

  @Test("What the parts wrote is there when the job has ended, job after job")
  func writesAreSeen() {
    let pool = ComputePool(threads: 4)
    let sums = Matrix(rows: 4, columns: 16)
    for round in 1...20_000 {
      pool.each(4) { index in sums[index, 0] += 1 }
      guard (0..<4).allSatisfy({ sums[$0, 0] == Float(round) }) else {
        Issue.record("job \(round)")
        return
      }
    }
  }

  @Test("Threads that slept are there for the next job")
  func afterSleep() {
    let pool = ComputePool(threads: 3)
    for _ in 0..<5 {
      // Longer than they stay awake.
      usleep(2000)
      #expect(runs(pool, 3) == [1, 1, 1])
    }
  }

  @Test("A part may ask the pool itself, and so may several threads at once")
  func askedTwice() {
    let pool = ComputePool(threads: 2)
    let inner = Mutex(0)
    pool.each(4) { _ in pool.each(5) { _ in inner.withLock { $0 += 1 } } }
    #expect(inner.withLock { $0 } == 20)
    let outer = Mutex(0)
    DispatchQueue.concurrentPerform(iterations: 6) { _ in
      for _ in 0..<500 { pool.each(3) { _ in outer.withLock { $0 += 1 } } }
    }
    #expect(outer.withLock { $0 } == 6 * 500 * 3)
  }

  @Test("More parts than one thread runs are run by several threads")
  func spreads() {
    let pool = ComputePool(threads: 2)
    let names = Mutex(Set<UInt>())
    // The first part waits for the second, which only another thread can begin.
    let isBegun = Atomic(false)
    pool.each(2) { index in
      names.withLock { _ = $0.insert(UInt(pthread_self())) }
      if index == 1 { isBegun.store(true, ordering: .releasing) }
      let limit = Date() + 60
      while index == 0, !isBegun.load(ordering: .acquiring), Date() < limit { usleep(100) }
    }
    #expect(names.withLock { $0.count } == 2)
  }

  @Test("The threads end with the pool")
  func ends() throws {
    func count() throws -> Int {
      try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").count
    }
    func start(_ number: Int) { for _ in 0..<number { _ = runs(ComputePool(threads: 9), 9) } }
    start(1)
    let before = try count()
    start(20)
    // Other tests start a few as well; 160 would be left.
    #expect(try count() < before + 80)
  }
}
