import CSystem
import Foundation
import Prefork

/// A storm over the exchange of slices: workers that offer and take, and end at random.
///
/// Arguments: `processes SECONDS` or `threads SECONDS`.
/// - `processes`: workers of two threads each, killed (SIGKILL) and stopped (SIGSTOP) at any instruction;
/// - `threads`: workers that are threads of one process and end between two calls, so that a thread sanitizer sees both sides.
///
/// Prints what was counted. The exit code is 1 if an answer was wrong, or bytes were left in a slot.
let workerCount = 4
let words = CommandLine.arguments
let seconds = words.count > 2 ? Double(words[2]) ?? 3 : 3
let memory = try SharedMemory(
  byteCount: SliceExchange.byteCount(workers: workerCount)
    + Scoreboard.byteCount(slots: workerCount)
    + SharedCounterTable.byteCount(slots: workerCount, countPerSlot: StormCount.allCases.count)
    + SharedMemory.byteCount(cells: 1))
let exchange = try SliceExchange(in: memory, workers: workerCount)
let scoreboard = try Scoreboard(in: memory, slots: workerCount)
let counts = try SharedCounterTable(
  in: memory, slots: workerCount, countPerSlot: StormCount.allCases.count)
let isEnding = try SharedCounters(in: memory, count: 1)
let end = martlet_monotonic_nanoseconds() + UInt64(seconds * 1e9)
func isOver() -> Bool { isEnding.load(at: 0) == 1 }

func makeWorker(_ index: Int) -> StormWorker {
  let slot = scoreboard[index]
  slot.beat()
  return StormWorker(
    SliceDesk(exchange, slot: slot, scoreboard: scoreboard), slot: slot, counts: counts[index])
}

// MARK: - Processes

func live(_ index: Int) -> Never {
  martlet_set_parent_death_signal(SIGKILL)
  let worker = makeWorker(index)
  let taking = Thread {
    while true {
      if !worker.takerStep(crash: { kill(getpid(), SIGABRT) }) { worker.rest() }
    }
  }
  taking.start()
  while worker.ownerStep(offering: !isOver()) { usleep(200) }
  // The others may still wait for what this one has taken.
  while martlet_monotonic_nanoseconds() < end + 2_000_000_000 { usleep(10_000) }
  martlet_exit_now(0)
}

func stormOverProcesses() -> Int {
  var (workers, ends, deaths): ([Int32: Int], [Int32: UInt64], Int) = ([:], [:], 0)
  func start(_ index: Int) {
    let process = martlet_fork()
    if process == 0 { live(index) }
    workers[process] = index
  }
  for index in 0..<workerCount { start(index) }
  while !workers.isEmpty {
    let now = martlet_monotonic_nanoseconds()
    if now >= end { isEnding.store(1, at: 0) }
    for (process, until) in ends where now >= until {
      kill(process, SIGCONT)
      ends[process] = nil
    }
    if !isOver(), let victim = workers.keys.randomElement() {
      if Int.random(in: 0..<3) == 0 {
        kill(victim, SIGSTOP)
        ends[victim] = now + .random(in: 0..<30_000_000)
      } else {
        kill(victim, SIGKILL)
      }
    }
    usleep(UInt32.random(in: 0..<20_000))
    var status: Int32 = 0
    while case let process = waitpid(-1, &status, WNOHANG), process > 0 {
      guard let index = workers.removeValue(forKey: process) else { continue }
      ends[process] = nil
      let isFault = martlet_was_signalled(status) && martlet_termination_signal(status) == SIGABRT
      exchange.workerEnded(index, isFault: isFault)
      if martlet_did_exit(status) {
        // What a sanitizer ends.
        if martlet_exit_status(status) != 0 { counts[index].add(at: StormCount.wrong.rawValue) }
        continue
      }
      deaths += 1
      start(index)
    }
  }
  return deaths
}

// MARK: - Threads

/// A worker in a thread: it ends between two calls, with what it has offered and taken.
func liveInThread(_ index: Int) -> Bool {
  let worker = makeWorker(index)
  while !isOver() || worker.ownerStep(offering: false) {
    _ = worker.ownerStep(offering: !isOver())
    var hasCrashed = false
    let tookSome = worker.takerStep { hasCrashed = true }
    if hasCrashed || (!isOver() && Int.random(in: 0..<300) == 0) { return true }
    if !tookSome { worker.rest() }
  }
  return false
}

func stormOverThreads() -> Int {
  let deaths = SharedDeaths()
  let threads = (0..<workerCount).map { index in
    Thread {
      // What follows a death is what the arbiter does.
      while liveInThread(index) {
        exchange.workerEnded(index, isFault: true)
        deaths.add()
      }
      deaths.end()
    }
  }
  for thread in threads { thread.start() }
  while martlet_monotonic_nanoseconds() < end { usleep(20_000) }
  isEnding.store(1, at: 0)
  while deaths.ended < workerCount { usleep(10_000) }
  for index in 0..<workerCount { exchange.workerEnded(index, isFault: false) }
  return deaths.count
}

/// What threads count together.
final class SharedDeaths: @unchecked Sendable {
  private let lock = NSLock()
  private var deaths = 0
  private var ends = 0
  func add() { lock.withLock { deaths += 1 } }
  func end() { lock.withLock { ends += 1 } }
  var count: Int { lock.withLock { deaths } }
  var ended: Int { lock.withLock { ends } }
}

let deaths = words.dropFirst().first == "threads" ? stormOverThreads() : stormOverProcesses()
let sums = StormCount.allCases.map { "\($0)=\(counts.sum(at: $0.rawValue))" }
let isClean = exchange.isClean
print("deaths=\(deaths) \(sums.joined(separator: " ")) clean=\(isClean)")
exit(counts.sum(at: StormCount.wrong.rawValue) == 0 && isClean ? 0 : 1)
