import Dispatch
import HTTP
import Prefork
import Synchronization
import Transformer

/// Computes what a worker was asked for, slice by slice as `Schedule` has it, on a serial queue of its own.
///
/// One queue for all models of a worker, because a worker has one core to compute on: queues side by side would share it and
/// each be as slow, and what waits would have no common bound. A lone request never waits for company.
///
/// What waits is bounded by numbers, and by the time until its turn, estimated from what was measured. A request whose turn would come
/// too late is refused at once, because computing for those who have gone takes the time of those who still wait.
final class ComputeQueue: @unchecked Sendable {
  typealias Work = ScheduledWork<ComputeWork>

  struct State {
    var schedule: Schedule<ComputeWork>
    /// What other workers may compute; nil where nothing is shared.
    var shared: SharedSlices?
    /// Nanoseconds that the batch under way was estimated at, and when it began; 0 at rest.
    var batchTime: Int64 = 0
    var batchStart: Int64 = 0
    var isRunning = false
  }

  /// Whether a job was taken.
  enum Admission: Equatable {
    case taken
    /// Too much waits; there should be room after so many seconds.
    case refused(retryAfter: Int)
  }

  let queue = DispatchQueue(label: "martlet.compute")
  let state: Mutex<State>
  private let sliceStart = Atomic<Int64>(0)
  /// Whether something was enqueued at rest.
  private let mustBegin = Atomic<Bool>(false)
  /// Makes answers sent within a block wake the I/O queue once. Set before the first job comes.
  var batchingAnswers: (() -> Void) -> Void = { $0() }
  private let options: ServingOptions
  private let limits: BatchLimits
  let desk: AnswerDesk
  let hooks: ServingHooks
  /// The exchange with other workers; nil where nothing is shared.
  let slices: SliceDesk?
  /// In the catalog's order, as questions of other workers name them.
  let versions: [ServedVersion]
  /// Whether this worker is about to end, and takes nothing of others.
  let isLeaving = Atomic<Bool>(false)
  /// On the compute queue alone.
  private var load = ComputeLoad()

  init(
    options: ServingOptions, hooks: ServingHooks, versions: [ServedVersion] = [],
    shadow: ShadowRunner? = nil
  ) {
    self.options = options
    self.hooks = hooks
    desk = AnswerDesk(hooks: hooks, shadow: shadow)
    var limits = BatchLimits()
    (limits.texts, limits.tokens) = (options.maximumBatchTexts, options.maximumBatchTokens)
    self.limits = limits
    (slices, self.versions) = (hooks.slices, versions)
    state = Mutex(
      State(
        schedule: Schedule(limits: limits),
        shared: hooks.slices.map { SharedSlices($0, versions: versions) }))
  }

  /// Texts that wait.
  var depth: Int { state.withLock { $0.schedule.textCount } }

  /// Seconds that the present step of the batch has taken; 0 at rest.
  var secondsInBatch: Double {
    let start = sliceStart.load(ordering: .relaxed)
    return start == 0 ? 0 : Double(Clock.now - start) / 1e9
  }

  // MARK: - Admission

  /// Whether one more text of this call would be refused, by what waits or by how long that takes. Cheaper to ask than a request is to
  /// parse.
  func refusal(of call: Call) -> Admission? {
    state.withLock { state in
      if state.schedule.textCount == 0 { return nil }
      let wait = wait(of: call, state, Clock.now)
      return isFull(for: call, state) || wait > maximumWait ? Self.refused(wait) : nil
    }
  }

  /// Takes the jobs of a request, or says that too much waits.
  func enqueue(_ jobs: [ComputeJob]) -> Admission {
    guard let call = jobs.first?.call else { return .taken }
    let works = jobs.map(ComputeWork.scheduled)
    let count = works.reduce(0) { $0 + $1.textCount }
    let time = works.reduce(0) { $0 + $1.trunk.time.nanoseconds(estimate: $1.restEstimate) }
    let deadline = jobs.first?.deadline ?? 0
    let now = Clock.now
    var mustStart = false
    let admission = state.withLock { state -> Admission in
      let wait = wait(of: call, state, now)
      let isTooLate =
        wait > maximumWait || now + self.wait(of: call, work: time, state, now) > deadline
      // A worker at rest takes any job: the estimate may be wrong, and nobody is held up by trying.
      if isFull(for: call, state) || wait > 0 && isTooLate { return Self.refused(wait) }
      // Small requests find room beside a list, and lists beside one that is computed.
      let texts = state.schedule.textCount
      let room = options.maximumQueuedTexts + options.maximumTextsPerRequest
      if count > 1 && texts > 0 && texts + count > room {
        return Self.refused(state.schedule.rest)
      }
      for work in works { state.schedule.add(work) }
      mustStart = !state.isRunning
      state.isRunning = true
      return .taken
    }
    if mustStart { mustBegin.store(true, ordering: .relaxed) }
    return admission
  }

  /// Whether as many requests wait as may. Those of low priority leave half of the room to others.
  private func isFull(for call: Call, _ state: State) -> Bool {
    let room = options.maximumQueuedTexts
    return state.schedule.waitingCount >= (call.token?.isLow ?? false ? max(1, room / 2) : room)
  }

  private var maximumWait: Int64 { Int64(options.maximumQueueWait * 1e9) }

  /// Nanoseconds until a request of this call that came now would have its turn, or with `work` so much of the worker's time.
  private func wait(of call: Call, work: Int64 = 0, _ state: State, _ now: Int64) -> Int64 {
    let rest = state.batchStart == 0 ? 0 : max(0, state.batchTime - (now - state.batchStart))
    return rest
      + state.schedule.wait(of: call.client, weight: call.token?.weight ?? 1, work: work)
  }

  private static func refused(_ wait: Int64) -> Admission {
    .refused(retryAfter: max(1, Int((Double(wait) / 1e9).rounded(.up))))
  }

  /// Requests of a text that would be taken now; nil for many.
  var room: Int? {
    state.withLock { state in
      let waiting = state.schedule.waitingCount
      if waiting < options.maximumQueuedTexts / 2 && state.schedule.front < maximumWait / 2 {
        return nil
      }
      let each = max(1, state.schedule.front / Int64(max(1, waiting)))
      return min(
        options.maximumQueuedTexts - waiting,
        Int(max(0, maximumWait - state.schedule.front) / each))
    }
  }

  /// Begins to predict for what was enqueued. Called once a round of events has been read, so that requests that came together
  /// are a batch, and the first does not take the core from the reading of the others.
  func begin() {
    if mustBegin.exchange(false, ordering: .relaxed) { queue.async { self.run() } }
    share()
  }

  /// Nanoseconds for which requests may gather before they are read: a quarter of what they would have to wait then anyway, at
  /// most a millisecond, and nothing where little waits. One by one they would take the core from the model, each with two
  /// changes of context. Answers are not held up.
  var gatheringTime: Int64 {
    state.withLock { state in
      let front = state.schedule.front
      if state.schedule.waitingCount >= options.maximumQueuedTexts { return Self.longestGathering }
      return front < Self.longestGathering ? 0 : min(Self.longestGathering, front / 4)
    }
  }

  private static let longestGathering: Int64 = 1_000_000

  /// Lets go of what waits in vain: answers 504 to the requests whose time has passed, and forgets those whose clients have gone.
  func expire() {
    let now = Clock.now
    let expired = state.withLock { state in
      state.schedule.removeWaiting { $0.deadline <= now || $0.payload.job.isAbandoned }
        .map { (job: $0.payload.job, done: $0.done) }
    }
    for (job, done) in expired where !job.isAbandoned {
      desk.refuse(job, ComputeJob.late(done: done, of: job.inputs.count))
    }
  }

  // MARK: - Computing

  func run() {
    defer { sliceStart.store(0, ordering: .relaxed) }
    slices?.setIdle(false)
    while true {
      let slices = nextSlices()
      let isForOthers = slices.isEmpty
      if !isForOthers { share() }
      load.begin(Clock.now)
      if !isForOthers { compute(slices) }
      let isBusy = !isForOthers || computeForOthers()
      load.end(Clock.now)
      if !isBusy && rest() { return }
    }
  }

  private func nextSlices() -> [Slice<ComputeWork>] {
    let load = load.value
    return state.withLock { state in
      let now = Clock.now
      let slices = state.take(load: load, desk: self.slices, now: now)
      for slice in slices where slice.work.payload.start == 0 { slice.work.payload.start = now }
      state.batchStart = slices.isEmpty ? 0 : now
      state.batchTime = slices.reduce(0) { $0 + $1.charged }
      return slices
    }
  }

  func beat() { sliceStart.store(Clock.now, ordering: .relaxed) }

  /// Whether somebody still waits for the work; who waits in vain is told.
  private func isWanted(_ work: Work) -> Bool {
    let isLate = work.deadline <= Clock.now
    if !isLate && !work.payload.job.isAbandoned { return true }
    let (done, wasOver) = state.withLock { state in
      defer { state.schedule.remove(work) }
      return (work.done, work.isOver)
    }
    if !work.payload.job.isAbandoned && !wasOver {
      desk.refuse(work.payload.job, ComputeJob.late(done: done, of: work.textCount))
    }
    return false
  }

  /// Computes slices of one trunk, and answers the requests that are whole with them. The model tells of its progress, so that the
  /// slowest does not look like a hung one.
  private func compute(_ slices: [Slice<ComputeWork>]) {
    let start = Clock.now
    var encoded = 0
    let batch = batch(slices, &encoded)
    let before = Clock.now
    let tokenised = before - start
    guard let work = batch.slices.first?.work,
      let predictor = work.payload.job.asked.first?.version.predictor
    else { return }
    if predictor.progress == nil { predictor.progress = { [weak self] in self?.beat() } }
    beat()
    var own: [[[Result<Prediction, PredictionError>]]] = []
    do {
      var results = try predictor.predict(batch.questions)[...]
      guard results.count == batch.questions.count else {
        return fail(batch, AnswerDesk.incomplete(results.count, of: batch.questions.count))
      }
      own = batch.slices.map { slice in
        let count = slice.work.payload.job.asked.count
        return slice.texts.map { _ in
          defer { results = results.dropFirst(count) }
          return Array(results.prefix(count))
        }
      }
    } catch {
      return fail(batch, AnswerDesk.failed(error))
    }
    let forward = Clock.now - before
    let done = finish(batch, own, tokenised, forward)
    var events: [PredictionEvent] = []
    batchingAnswers { events = desk.answer(done) }
    let share = tokenised * Int64(batch.texts) / Int64(max(batch.texts, encoded))
    work.trunk.record(
      tokens: batch.tokens, estimate: batch.slices.reduce(0) { $0 + $1.tokenEstimate },
      nanoseconds: share + Clock.now - before)
    // While the answers are being written, which is another thread's work.
    for event in events { hooks.recorder?.measure(prediction: event) }
  }

  /// What of the slices is wanted and fits, as tokens; the rest goes back to the schedule.
  private func batch(
    _ slices: [Slice<ComputeWork>], _ encoded: inout Int
  ) -> ComputeBatch {
    var batch = ComputeBatch()
    var isFull = false
    for slice in slices {
      let work = slice.work
      guard isWanted(work) else { continue }
      var part = slice
      do throws(ComputeWork.Rejection) {
        if !work.payload.isRead {
          work.payload.isRead = true
          encoded += try encodeAhead(work)
        }
        for text in slice.texts {
          beat()
          let inputs = try work.payload.encode(text)
          isFull = isFull || !batch.hasRoom(for: inputs, limits: limits, time: work.trunk.time)
          if isFull {
            part = putBack(slice, from: text)
            break
          }
          batch.add(inputs, for: work.payload.job.asked.map(\.version))
        }
        batch.close(part)
      } catch {
        state.withLock { $0.schedule.remove(work) }
        desk.reject(work.payload.job, error)
      }
    }
    return batch
  }

  /// The tokens of a request's first texts, as many as a batch may have, so that most requests with a text that has none are refused
  /// before anything is computed. Longer lists are read as they are computed: others wait meanwhile.
  private func encodeAhead(_ work: Work) throws(ComputeWork.Rejection) -> Int {
    if work.textCount == 1 { return 0 }
    var tokens = 0
    for text in 0..<work.textCount {
      tokens += work.tokenEstimate(of: text)
      if tokens > limits.tokens { return text }
      beat()
      _ = try work.payload.encode(text)
    }
    return work.textCount
  }

  /// Gives back what did not fit; returns what did.
  private func putBack(_ slice: Slice<ComputeWork>, from text: Int) -> Slice<ComputeWork> {
    let (kept, rest) = slice.cut(at: text)
    state.withLock { $0.schedule.putBack(rest) }
    return kept
  }

  private func finish(
    _ batch: ComputeBatch, _ results: [[[Result<Prediction, PredictionError>]]],
    _ tokenised: Int64, _ forward: Int64
  ) -> [ComputeWork] {
    let each = (tokenised + forward) / Int64(max(1, batch.texts))
    return state.withLock { state in
      zip(batch.slices, results).compactMap { slice, results in
        slice.work.payload.forget(slice.texts)
        return state.finish(slice, results, (tokenised, forward), each * Int64(slice.texts.count))
      }
    }
  }

  private func fail(_ batch: ComputeBatch, _ problem: Problem) {
    for slice in batch.slices {
      let wasOver = state.withLock { state in
        defer { state.schedule.remove(slice.work) }
        return slice.work.isOver
      }
      if !wasOver { desk.refuse(slice.work.payload.job, problem) }
    }
  }
}

extension ComputeQueue.State {
  /// Takes what the versions say of a slice's texts.
  ///
  /// - Parameters:
  ///   - times: of the batch, for tokens and for the rest.
  ///   - nanoseconds: the slice's share of it.
  /// - Returns: the work, where all of it is there now.
  mutating func finish(
    _ slice: Slice<ComputeWork>, _ results: [[Result<Prediction, PredictionError>]],
    _ times: (tokens: Int64, forward: Int64), _ nanoseconds: Int64
  ) -> ComputeWork? {
    let work = slice.work.payload
    let wasOver = slice.work.isOver
    for (text, own) in zip(slice.texts, results) { work.take(own, of: text) }
    work.tokeniseTime += times.tokens
    work.forwardTime += times.forward
    schedule.complete(slice, nanoseconds: nanoseconds)
    return work.isComputed && !wasOver ? work : nil
  }
}

/// The share of its time that a worker has been busy, exponentially weighted over the last second.
struct ComputeLoad {
  private(set) var value = 0.0
  private var last: Int64 = 0

  mutating func begin(_ now: Int64) { pass(to: now, isBusy: false) }
  mutating func end(_ now: Int64) { pass(to: now, isBusy: true) }

  private mutating func pass(to now: Int64, isBusy: Bool) {
    if last != 0 {
      // 1 - exp(-x) ≈ x / (1 + x) without a library's call.
      let time = Double(max(0, now - last)) / 1e9
      value += ((isBusy ? 1 : 0) - value) * time / (1 + time)
    }
    last = now
  }
}
