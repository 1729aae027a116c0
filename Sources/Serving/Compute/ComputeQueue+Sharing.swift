import Foundation
import HTTP
import Logging
import Prefork
import Synchronization
import Transformer

/// The pool as one queue: what waits here is offered to workers that are idle, and where nothing waits, this worker computes for
/// others.
///
/// An idle worker says so in shared memory, and asks those with too much. These offer it a slice, from whatever thread finds that
/// something waits, and wake it. Each such wake-up comes to a thread of its own, because the I/O queue and the compute
/// queue may be busy: answers of others go to their clients from there.
extension ComputeQueue {
  /// Nanoseconds of work below which passing it on takes as long as waiting for it.
  fileprivate static let worthwhile: Int64 = 300_000
  /// Nanoseconds that a batch may take at least, however many workers are idle.
  fileprivate static let shortestTurn: Int64 = 2_000_000
  /// Nanoseconds after which this worker computes what it has offered and nobody has taken.
  static let offerTime: Int64 = 10_000_000

  /// Begins to share with other workers. Before the first request comes.
  func beginSharing() {
    guard let slices else { return }
    slices.clearWakeup()
    slices.setLaden(false)
    slices.setIdle(true)
    let thread = Thread { [weak self] in
      while true {
        var waiting = pollfd(fd: slices.wakeup, events: Int16(POLLIN), revents: 0)
        _ = poll(&waiting, 1, -1)
        slices.clearWakeup()
        guard let self else { return }
        self.attend()
      }
    }
    thread.name = "martlet.share"
    thread.start()
  }

  /// Looks anew at what others have, four times a second: who has stopped says nothing.
  func remindOfShared() {
    if state.withLock({ $0.shared?.isShared ?? false }) { slices?.remind() }
  }

  /// Takes nothing of others any more. `done` is called once what was taken is done.
  func leave(_ done: @escaping @Sendable () -> Void) {
    isLeaving.store(true, ordering: .relaxed)
    slices?.setIdle(false)
    queue.async(execute: done)
  }

  // MARK: - As an owner

  /// Offers what waits to workers that are idle. From any thread.
  func share() {
    guard let slices else { return }
    state.withLock { $0.share(slices) }
  }

  /// Answers a wake-up: takes the answers that have come, offers more, and begins to compute where something is offered.
  private func attend() {
    guard let slices else { return }
    var (done, fatal, mustStart): ([ComputeWork], [ComputeWork], Bool) = ([], [], false)
    state.withLock { state in
      for outcome in state.shared?.collect(at: Clock.now) ?? [] {
        switch outcome {
        case .answered(let slice, let answer):
          let times = (answer.tokeniseTime, answer.forwardTime)
          if let work = state.finish(slice, answer.results, times, times.0 + times.1) {
            done.append(work)
          }
        case .fatal(let slice):
          if !slice.work.isOver { fatal.append(slice.work.payload) }
          state.schedule.remove(slice.work)
        }
      }
      state.share(slices)
      let isCalled = !isLeaving.load(ordering: .relaxed) && slices.seesOffer
      mustStart = !state.isRunning && (isCalled || state.shared?.hasOwn ?? false)
      if mustStart { state.isRunning = true }
    }
    if mustStart { queue.async { self.run() } }
    var events: [PredictionEvent] = []
    batchingAnswers {
      events = desk.answer(done)
      for work in fatal { refuse(work) }
    }
    for event in events { hooks.recorder?.measure(prediction: event) }
  }

  private func refuse(_ work: ComputeWork) {
    Logger(label: "martlet.serving").error(
      "a worker ended over a text; its request is refused, so that no other does",
      metadata: ["request": "\(work.job.call.request.id)"])
    desk.refuse(work.job, AnswerDesk.fatal)
  }

  // MARK: - As a taker

  /// Computes what another worker offers; false where none does.
  func computeForOthers() -> Bool {
    guard let slices, !isLeaving.load(ordering: .relaxed), let taken = slices.take() else {
      return false
    }
    slices.setIdle(false)
    beat()
    slices.finish(taken, answer: answer(taken.content))
    return true
  }

  /// The answer to a question of another worker; nil where its own is to find out what is wrong.
  private func answer(_ content: [UInt8]) -> [UInt8]? {
    guard let question = SliceQuestion(content), let lead = question.versions.first,
      question.versions.allSatisfy(versions.indices.contains)
    else { return nil }
    let start = Clock.now
    let asked = question.versions.map { versions[$0] }
    let trunk = versions[lead].trunk
    let estimate = question.inputs.reduce(0) { $0 + asked[0].description.tokenEstimate([$1]) }
    state.withLock { state in
      state.batchStart = start
      state.batchTime = trunk.time.nanoseconds(estimate: estimate)
    }
    defer { state.withLock { $0.batchStart = 0 } }
    var batch = ComputeBatch()
    do {
      for input in question.inputs {
        beat()
        batch.add(try ComputeWork.encode(input, for: asked), for: asked)
      }
      let encoded = Clock.now
      let predictor = asked[0].predictor
      if predictor.progress == nil { predictor.progress = { [weak self] in self?.beat() } }
      beat()
      var results = try predictor.predict(batch.questions)[...]
      guard results.count == batch.questions.count else { return nil }
      let now = Clock.now
      trunk.record(tokens: batch.tokens, estimate: estimate, nanoseconds: now - start)
      let own = question.inputs.map { _ in
        defer { results = results.dropFirst(asked.count) }
        return Array(results.prefix(asked.count))
      }
      return SliceAnswer(
        results: own, tokens: batch.tokens, tokeniseTime: encoded - start,
        forwardTime: now - encoded
      ).bytes
    } catch {
      return nil
    }
  }

  /// Rests, unless something has come meanwhile.
  func rest() -> Bool {
    guard let slices else { return endRun() }
    let isLeaving = isLeaving.load(ordering: .relaxed)
    share()
    if !isLeaving {
      slices.setIdle(true)
      for laden in slices.ladenWorkers { slices.ask(laden) }
    }
    // Whoever called while this worker did not rest yet was not heard.
    if endRun() && (isLeaving || !slices.seesOffer || !resume()) { return true }
    slices.setIdle(false)
    return false
  }

  /// Whether nothing waits here; what comes from here on begins a run.
  private func endRun() -> Bool {
    state.withLock { state in
      if state.schedule.textCount > 0 || state.shared?.hasOwn ?? false { return false }
      (state.isRunning, state.batchStart) = (false, 0)
      return true
    }
  }

  /// Goes on running; false where another run has begun.
  private func resume() -> Bool {
    state.withLock { state in
      if state.isRunning { return false }
      state.isRunning = true
      return true
    }
  }
}

extension ComputeQueue.State {
  /// Takes the next slices for this worker. Where others are idle a batch is no larger than what would make all end together: they
  /// compute the rest meanwhile.
  mutating func take(load: Double, desk: SliceDesk?, now: Int64) -> [Slice<ComputeWork>] {
    if let overdue = shared?.next(offeredBefore: now - ComputeQueue.offerTime) { return [overdue] }
    let slices = schedule.take(load: load, within: turn(desk))
    return slices.isEmpty ? shared?.next(offeredBefore: now).map { [$0] } ?? [] : slices
  }

  /// Nanoseconds that a batch may take beside idle workers; nil where none is.
  private func turn(_ desk: SliceDesk?) -> Int64? {
    guard let idle = desk?.idleWorkers.count, idle > 0 else { return nil }
    return max(ComputeQueue.shortestTurn, schedule.rest / Int64(idle + 1))
  }

  /// Offers what waits to workers that are idle, if it is worth it, and says whether more is here than this worker can do at once.
  mutating func share(_ desk: SliceDesk) {
    // What comes to a worker at rest is its own: it begins in a moment.
    let isWorthwhile =
      batchStart != 0 && schedule.textCount > 0 && waitingTime > ComputeQueue.worthwhile
    if isWorthwhile {
      // Before looking who is idle: whoever becomes idle says so before looking who is laden.
      desk.setLaden(true)
      var open = 0
      for idle in desk.idleWorkers {
        if open == 0 { open = offer(within: turn(desk)) }
        if open == 0 { break }
        guard desk.claim(idle) else { continue }
        desk.wake(idle)
        open -= 1
      }
    }
    desk.setLaden((isWorthwhile && schedule.textCount > 0) || shared?.isShared ?? false)
  }

  /// Nanoseconds for what is here; a batch that takes longer than was thought will take a while yet.
  private var waitingTime: Int64 {
    schedule.rest + abs(Clock.now - batchStart - batchTime)
  }

  /// Offers the next slices; returns how many. What cannot be offered is computed here, before anything else is offered.
  private mutating func offer(within time: Int64?) -> Int {
    if schedule.textCount == 0 || shared?.hasOwn ?? true { return 0 }
    let now = Clock.now
    return schedule.take(within: time).count { shared?.offer($0, at: now) ?? false }
  }
}
