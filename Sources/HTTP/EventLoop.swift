import CEvents
import Dispatch
import Foundation
import Synchronization

/// Events of many descriptors on one serial Dispatch queue.
///
/// One epoll descriptor holds every socket, and one Dispatch source watches that descriptor. A
/// source for each socket would cost a hop through Dispatch's manager thread for every request,
/// and a kilobyte for every connection. Here a busy loop stays in its handler, waits for at most
/// a millisecond for the next event, and gives the queue back to Dispatch when nothing comes or
/// after ten milliseconds, so that timers and other blocks of the queue run.
final class EventLoop: @unchecked Sendable {
  // Touched on `queue` alone, but for `posted`, which has its own lock.
  let queue: DispatchQueue
  private let poller: Int32
  private let wakeup: Int32
  private let source: any DispatchSourceRead
  private let posted = Mutex(Posted())
  private var ready = [cevents_ready](
    repeating: cevents_ready(token: 0, events: 0), count: maximumEvents)

  /// Events of a round at most.
  static let maximumEvents = 256

  private struct Posted {
    var blocks: [@Sendable () -> Void] = []
    /// How many batches of posts are under way, which wake the loop at their end.
    var batches = 0
  }

  private static let wakeupToken = UInt64.max
  private static let sliceNanoseconds: Int64 = 10_000_000
  /// How long a round without events waits for what is posted.
  private static let pauseNanoseconds: Int64 = 1_000_000

  /// Called on the queue for each descriptor that is ready, with its token.
  var onReady: (UInt64, UInt32) -> Void = { _, _ in }
  /// Called on the queue before each round of events.
  var onRound: () -> Void = {}
  /// Called on the queue after each round, with the number of its events.
  var onRoundEnd: (Int) -> Void = { _ in }
  /// Asked on the queue before each round: how many events it may have. The others stay with the kernel, in their order. What is
  /// posted is not held up.
  var roundLimit: () -> Int = { EventLoop.maximumEvents }
  /// Asked on the queue before each round: nanoseconds for which events may gather. What is posted is not held up.
  var gatheringTime: () -> Int64 = { 0 }

  init(queue: DispatchQueue) throws(HTTPError) {
    self.queue = queue
    poller = cevents_create()
    if poller < 0 { throw .system(call: "epoll_create1", code: -poller) }
    wakeup = cevents_wakeup_create()
    if wakeup < 0 {
      close(poller)
      throw .system(call: "eventfd", code: -wakeup)
    }
    _ = cevents_add(poller, wakeup, UInt32(CEVENTS_READABLE), Self.wakeupToken)
    source = DispatchSource.makeReadSource(fileDescriptor: poller, queue: queue)
  }

  /// Begins to call `onReady`.
  func start() {
    source.setEventHandler { [weak self] in self?.run() }
    source.setCancelHandler { [poller, wakeup] in
      close(poller)
      close(wakeup)
    }
    source.activate()
  }

  /// Ends. The descriptors in the loop stay open; they are their owners'.
  func stop() {
    onReady = { _, _ in }
    onRound = {}
    onRoundEnd = { _ in }
    roundLimit = { Self.maximumEvents }
    gatheringTime = { 0 }
    source.cancel()
  }

  func add(_ descriptor: Int32, interest: UInt32, token: UInt64) -> Int32 {
    cevents_add(poller, descriptor, interest, token)
  }

  func remove(_ descriptor: Int32) {
    _ = cevents_remove(poller, descriptor)
  }

  /// Runs a block on the loop, from any queue. Cheaper than `queue.async` when the loop is busy.
  func post(_ block: @escaping @Sendable () -> Void) {
    let mustWake = posted.withLock {
      $0.blocks.append(block)
      return $0.blocks.count == 1 && $0.batches == 0
    }
    if mustWake { _ = cevents_wakeup_signal(wakeup) }
  }

  /// What is posted within `body` wakes the loop once, at its end: woken by the first post, a loop on the same core would take
  /// the core after each.
  func batchingPosts(_ body: () -> Void) {
    posted.withLock { $0.batches += 1 }
    body()
    let mustWake = posted.withLock {
      $0.batches -= 1
      return $0.batches == 0 && !$0.blocks.isEmpty
    }
    if mustWake { _ = cevents_wakeup_signal(wakeup) }
  }

  private func run() {
    let end = cevents_monotonic_coarse() + Self.sliceNanoseconds
    repeat {
      let pause = gatheringTime()
      if pause > 0 { _ = cevents_wait_readable(wakeup, pause) }
      let limit = min(Self.maximumEvents, roundLimit())
      if limit < Self.maximumEvents {
        // The wake-up may stand behind what is not taken.
        if limit < 1 { _ = cevents_wait_readable(wakeup, Self.pauseNanoseconds) }
        runPosted()
      }
      let count = limit < 1 ? 0 : Int(cevents_wait(poller, &ready, Int32(limit), 1))
      if count <= 0 && limit > 0 { return }
      onRound()
      for index in 0..<count {
        if ready[index].token == Self.wakeupToken {
          runPosted()
        } else {
          onReady(ready[index].token, ready[index].events)
        }
      }
      onRoundEnd(count)
    } while cevents_monotonic_coarse() < end && !source.isCancelled
  }

  private func runPosted() {
    _ = cevents_wakeup_clear(wakeup)
    let blocks = posted.withLock {
      let blocks = $0.blocks
      $0.blocks.removeAll(keepingCapacity: true)
      return blocks
    }
    for block in blocks { block() }
  }
}
