import Dispatch
import HTTP
import Synchronization
import Transformer

/// Puts waiting requests into batches and predicts for them, on a serial queue of its own.
///
/// One queue for all models of a worker, because a worker has one core to compute on: queues side by side would share it and
/// each be as slow, and what waits would have no common bound. A batch is of one trunk: that of what has waited longest,
/// and what else waits for versions over the same, up to a number of texts and of tokens. A lone request never waits for company.
///
/// What waits is bounded twice: by the number of texts, and by the time that they will take, measured as they are served. A
/// request whose turn would come too late is refused at once, because computing for those who have gone takes the time of
/// those who still wait.
final class ComputeQueue: @unchecked Sendable {
  /// A job, and the nanoseconds that it was thought to take when it came.
  private struct Waiting {
    let job: ComputeJob
    let work: Int64
  }

  private struct State {
    var waiting: [Waiting] = []
    /// What stands in front of this index has been taken.
    var first = 0
    var textCount = 0
    /// Nanoseconds that what waits will take.
    var work: Int64 = 0
    /// Nanoseconds that the batch under way was estimated at, and when it began.
    var batchWork: Int64 = 0
    var batchStart: Int64 = 0
    var isRunning = false
  }

  /// Whether a job was taken.
  enum Admission: Equatable {
    case taken
    /// Too much waits; there should be room after so many seconds.
    case refused(retryAfter: Int)
  }

  private let queue = DispatchQueue(label: "martlet.compute")
  private let state = Mutex(State())
  private let sliceStart = Atomic<Int64>(0)
  /// Whether something was enqueued at rest.
  private let mustBegin = Atomic<Bool>(false)
  /// Makes answers sent within a block wake the I/O queue once. Set before the first job comes.
  var batchingAnswers: (() -> Void) -> Void = { $0() }
  private let options: ServingOptions
  private let hooks: ServingHooks
  private let shadow: ShadowRunner?

  init(options: ServingOptions, hooks: ServingHooks, shadow: ShadowRunner? = nil) {
    self.options = options
    self.hooks = hooks
    self.shadow = shadow
  }

  /// Texts that wait.
  var depth: Int { state.withLock { $0.textCount } }

  /// Seconds that the present part of the batch has taken; 0 at rest.
  var secondsInBatch: Double {
    let start = sliceStart.load(ordering: .relaxed)
    return start == 0 ? 0 : Double(Clock.now - start) / 1e9
  }

  /// Whether one more text would be refused, by what waits or by how long that takes. Cheaper to ask than a request is to parse.
  func refusal() -> Admission? {
    state.withLock { state in
      if state.textCount == 0 { return nil }
      let now = Clock.now
      let isFull = state.textCount >= options.maximumQueuedTexts
      return isFull || wait(state, now) > maximumWait
        ? .refused(retryAfter: retryAfter(state, now)) : nil
    }
  }

  /// Takes the jobs of a request, or says that too much waits.
  func enqueue(_ jobs: [ComputeJob]) -> Admission {
    let entries = jobs.map {
      Waiting(job: $0, work: $0.trunk.serviceTime.estimate(tokens: $0.tokenEstimate))
    }
    let count = jobs.reduce(0) { $0 + $1.inputs.count }
    let work = entries.reduce(0) { $0 + $1.work }
    let deadline = jobs.first?.deadline ?? 0
    let now = Clock.now
    var mustStart = false
    let admission = state.withLock { state -> Admission in
      let isFull = state.textCount > 0 && state.textCount + count > options.maximumQueuedTexts
      let wait = wait(state, now)
      // An empty queue takes any job: the estimate may be wrong, and nobody is held up by trying.
      let isTooLate =
        wait > 0 && (now + wait + work > deadline || wait > maximumWait)
      if isFull || isTooLate { return .refused(retryAfter: retryAfter(state, now)) }
      state.waiting += entries
      state.textCount += count
      state.work += work
      mustStart = !state.isRunning
      state.isRunning = true
      return .taken
    }
    if mustStart { mustBegin.store(true, ordering: .relaxed) }
    return admission
  }

  /// Begins to predict for what was enqueued. Called once a round of events has been read, so that requests that came together
  /// are a batch, and the first does not take the core from the reading of the others.
  func begin() {
    if mustBegin.exchange(false, ordering: .relaxed) { queue.async { self.run() } }
  }

  /// Nanoseconds for which requests may gather before they are read: a quarter of what they would have to wait then anyway, at
  /// most a millisecond, and nothing where little waits. One by one they would take the core from the model, each with two
  /// changes of context. Answers are not held up.
  var gatheringTime: Int64 {
    state.withLock { state in
      if state.textCount >= options.maximumQueuedTexts { return Self.longestGathering }
      return state.work < Self.longestGathering ? 0 : min(Self.longestGathering, state.work / 4)
    }
  }

  private static let longestGathering: Int64 = 1_000_000

  private var maximumWait: Int64 { Int64(options.maximumQueueWait * 1e9) }

  /// Nanoseconds until a job that came now would have its turn.
  private func wait(_ state: State, _ now: Int64) -> Int64 {
    let rest = state.batchStart == 0 ? 0 : max(0, state.batchWork - (now - state.batchStart))
    return state.work + rest
  }

  private func retryAfter(_ state: State, _ now: Int64) -> Int {
    max(1, Int((Double(wait(state, now)) / 1e9).rounded(.up)))
  }

  /// Answers 504 to the jobs whose time has passed while they wait.
  func expire() {
    let now = Clock.now
    let expired = state.withLock { state -> [Waiting] in
      let waiting = state.waiting[state.first...]
      let expired = waiting.filter { $0.job.deadline <= now }
      if expired.isEmpty { return [] }
      state.waiting = waiting.filter { $0.job.deadline > now }
      state.first = 0
      for entry in expired { Self.leave(entry, &state) }
      return expired
    }
    for entry in expired { refuse(entry.job, ComputeJob.late) }
  }

  private static func leave(_ entry: Waiting, _ state: inout State) {
    state.textCount -= entry.job.inputs.count
    state.work -= entry.work
  }

  private func run() {
    while true {
      let batch = nextBatch()
      if batch.isEmpty { return }
      let start = Clock.now
      defer { sliceStart.store(0, ordering: .relaxed) }
      var batchWork: [ComputeWork] = []
      batchWork.reserveCapacity(batch.count)
      for job in batch where isWanted(job, done: 0) {
        if let work = encode(job) { batchWork.append(work) }
      }
      if !batchWork.isEmpty { predict(batchWork, since: start, tokenised: Clock.now - start) }
    }
  }

  /// The job that has waited longest, and others of its trunk up to the budget. The rest keep their order.
  private func nextBatch() -> [ComputeJob] {
    state.withLock { state in
      state.batchStart = 0
      guard state.first < state.waiting.count else {
        state.waiting.removeAll(keepingCapacity: true)
        state.first = 0
        state.isRunning = false
        return []
      }
      let trunk = state.waiting[state.first].job.trunk
      var (batch, texts, tokens): ([ComputeJob], Int, Int) = ([], 0, 0)
      var passedOver: [Waiting] = []
      while state.first < state.waiting.count {
        let entry = state.waiting[state.first]
        let job = entry.job
        if job.trunk === trunk {
          texts += job.inputs.count
          tokens += job.tokenEstimate
          let isOver = texts > options.maximumBatchTexts || tokens > options.maximumBatchTokens
          if isOver && !batch.isEmpty { break }
          batch.append(job)
          Self.leave(entry, &state)
        } else {
          passedOver.append(entry)
        }
        state.first += 1
      }
      if !passedOver.isEmpty {
        state.waiting.replaceSubrange(..<state.first, with: passedOver)
        state.first = 0
      } else if state.first > 1024 {
        state.waiting.removeFirst(state.first)
        state.first = 0
      }
      state.batchStart = Clock.now
      state.batchWork = trunk.serviceTime.estimate(
        tokens: batch.reduce(0) { $0 + $1.tokenEstimate })
      return batch
    }
  }

  // MARK: - Predicting

  /// Nanoseconds that a part of a batch should take: after each, clients that have gone and deadlines are looked at.
  private static let partTime: Int64 = 500_000_000

  private func beat() { sliceStart.store(Clock.now, ordering: .relaxed) }

  /// Whether somebody still waits for the job; who waits in vain is told.
  private func isWanted(_ job: ComputeJob, done: Int) -> Bool {
    if job.call.responder.isCancelled || job.joined?.isOver ?? false { return false }
    if job.deadline > Clock.now { return true }
    refuse(job, ComputeJob.late(done: done, of: job.inputs.count))
    return false
  }

  /// The texts of a job as tokens; nil where one cannot be read, which is then answered.
  private func encode(_ job: ComputeJob) -> ComputeWork? {
    var inputs: [[EncodedInput]] = []
    inputs.reserveCapacity(job.inputs.count)
    let lead = job.asked.first?.version.predictor
    for (index, input) in job.inputs.enumerated() {
      beat()
      var own: [EncodedInput] = []
      own.reserveCapacity(job.asked.count)
      for asked in job.asked {
        let predictor = asked.version.predictor
        if let first = own.first, let lead, predictor.encodes(like: lead) {
          own.append(first)
          continue
        }
        do throws(PredictionError) { own.append(try predictor.encode(input)) } catch {
          if job.joined?.end() ?? true {
            job.call.refuse(job.problem(error, text: index, of: asked.version))
          }
          return nil
        }
      }
      inputs.append(own)
    }
    return ComputeWork(job: job, inputs: inputs)
  }

  /// Predicts in parts, so that a long list is not computed to its end for a client that has gone. The model tells of its progress
  /// within a part, so that the slowest does not look like a hung one.
  private func predict(_ batch: [ComputeWork], since start: Int64, tokenised: Int64) {
    var batch = batch
    guard let job = batch.first?.job, let predictor = job.asked.first?.version.predictor else {
      return
    }
    let trunk = job.trunk
    if predictor.progress == nil { predictor.progress = { [weak self] in self?.beat() } }
    let share = tokenised / Int64(max(1, batch.reduce(0) { $0 + $1.inputs.count }))
    var isFirst = true
    while true {
      if !isFirst { batch.removeAll { !isWanted($0.job, done: $0.results.count) } }
      isFirst = false
      if batch.isEmpty { return }
      let part = nextPart(batch, trunk)
      beat()
      let before = Clock.now
      do {
        var results = try predictor.predict(part.questions)[...]
        for index in batch.indices {
          let count = batch[index].job.asked.count
          while !batch[index].rest.isEmpty && results.count >= count {
            batch[index].results.append(Array(results.prefix(count)))
            results = results.dropFirst(count)
          }
        }
      } catch {
        for work in batch { refuse(work.job, Self.failed(error)) }
        return
      }
      let nanoseconds = Clock.now - before
      trunk.computeTime.record(nanoseconds: nanoseconds, tokens: part.tokens)
      trunk.serviceTime.record(
        nanoseconds: nanoseconds + share * Int64(part.texts), tokens: part.estimate)
      let done = batch.prefix { $0.rest.isEmpty }
      batch.removeFirst(done.count)
      finish(Array(done), since: start, tokenised: tokenised)
    }
  }

  /// The next texts: as many as fit the budget of texts, of tokens and of time, at least one. How long a token takes is not known
  /// at first: then it is one.
  private func nextPart(_ batch: [ComputeWork], _ trunk: ServedTrunk) -> ComputePart {
    let limit = min(
      options.maximumBatchTokens, trunk.computeTime.tokens(within: Self.partTime) ?? 1)
    var part = ComputePart()
    for work in batch {
      for inputs in work.rest {
        let isOver = part.tokens + ComputePart.tokens(inputs) > limit
        if part.texts > 0 && (isOver || part.texts >= options.maximumBatchTexts) { return part }
        part.add(work, inputs)
      }
    }
    return part
  }

  private static func failed(_ error: any Error) -> Problem {
    Problem(
      status: .internalServerError, detail: "The model failed: \(error.localizedDescription)",
      mend: "Try again; if it goes on, tell the operator the request id.")
  }

  /// Answers jobs that are computed.
  private func finish(_ works: [ComputeWork], since start: Int64, tokenised: Int64) {
    let now = Clock.now
    var events: [PredictionEvent] = []
    batchingAnswers {
      for work in works {
        let job = work.job
        guard let predictions = predictions(work) else { continue }
        // First, so that feedback sent on the answer's heels finds its prediction.
        for (asked, own) in zip(job.asked, predictions) {
          record(job, asked.version, own, now, &events)
        }
        hooks.recorder?.record(
          queue: start - job.call.request.arrival, tokenise: tokenised,
          forward: now - start - tokenised)
        answer(job, predictions)
        for (asked, own) in zip(job.asked, predictions) {
          if let target = asked.shadow { shadow?.offer(job.inputs, answered: own, to: target) }
        }
      }
    }
    // While the answers are being written, which is another thread's work.
    for event in events { hooks.recorder?.measure(prediction: event) }
  }

  /// What each version says of a job's texts; nil where one has no answer, which is then told.
  private func predictions(_ work: ComputeWork) -> [[Prediction]]? {
    var all: [[Prediction]] = []
    for (number, asked) in work.job.asked.enumerated() {
      var predictions: [Prediction] = []
      predictions.reserveCapacity(work.results.count)
      var failures: [(index: Int, error: PredictionError)] = []
      for (index, results) in work.results.enumerated() {
        do throws(PredictionError) { predictions.append(try results[number].get()) } catch {
          failures.append((index, error))
        }
      }
      if let first = failures.first {
        let count = failures.count { $0.error == .notFinite }
        if count > 0 {
          hooks.recorder?.record(version: asked.version, outcome: .notFinite(texts: count))
        }
        let problem = work.job.problem(first.error, text: first.index, of: asked.version)
        refuse(work.job, problem, by: [asked])
        return nil
      }
      all.append(predictions)
    }
    return all
  }

  private func answer(_ job: ComputeJob, _ predictions: [[Prediction]]) {
    do throws(Problem) {
      guard var response = try job.answer(predictions) else { return }
      response.readyAt = Clock.now
      job.call.respond(response)
    } catch {
      job.call.refuse(error)
    }
  }

  private func record(
    _ job: ComputeJob, _ version: ServedVersion, _ results: [Prediction], _ now: Int64,
    _ events: inout [PredictionEvent]
  ) {
    guard let recorder = hooks.recorder else { return }
    let request = job.call.request
    let duration = now - request.arrival
    for (index, (input, prediction)) in zip(job.inputs, results).enumerated() {
      // The texts of a list share a request; feedback tells them apart by position.
      let id = job.isList ? "\(request.id)/\(index)" : request.id
      let event = PredictionEvent(
        requestID: id, text: input.text, prediction: prediction, duration: duration,
        version: version)
      recorder.record(prediction: event)
      events.append(event)
    }
    recorder.record(
      version: version, outcome: .answered(texts: results.count, nanoseconds: duration))
  }

  /// Refuses a request, unless another of its jobs has; `failed` are the versions on whose account it goes, all for nil.
  private func refuse(_ job: ComputeJob, _ problem: Problem, by failed: [ComputeJob.Asked]? = nil) {
    for asked in failed ?? job.asked {
      hooks.recorder?.record(version: asked.version, outcome: .failed)
    }
    if job.joined?.end() ?? true { job.call.refuse(problem) }
  }
}
