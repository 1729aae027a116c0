import Dispatch
import HTTP
import Synchronization
import Transformer

/// Puts waiting requests into batches and predicts for them, on a serial queue of its own.
///
/// A batch takes what waits, up to a number of texts and of tokens; a lone request never waits for
/// company. What waits is bounded: past the bound a request is refused at once.
final class ComputeQueue: @unchecked Sendable {
  /// One request's texts.
  struct Job: Sendable {
    let request: Request
    let responder: Responder
    let input: PredictRequest
    let hasScores: Bool
    /// Monotonic nanoseconds after which nobody waits for the answer.
    let deadline: Int64
    let tokenEstimate: Int
  }

  private struct State {
    var waiting: [Job] = []
    var first = 0
    var textCount = 0
    var isRunning = false
  }

  private let queue = DispatchQueue(label: "martlet.compute", qos: .userInitiated)
  private let state = Mutex(State())
  private let batchStart = Atomic<Int64>(0)
  /// Touched on `queue` alone, which is what makes this class sendable.
  private let predictor: any Predictor
  private let labels: [String]
  private let options: ServingOptions
  private let hooks: ServingHooks

  init(predictor: any Predictor, options: ServingOptions, hooks: ServingHooks) {
    self.predictor = predictor
    labels = predictor.labels
    self.options = options
    self.hooks = hooks
  }

  /// Texts that wait.
  var depth: Int { state.withLock { $0.textCount } }

  /// Seconds that the present batch has taken; 0 at rest.
  var secondsInBatch: Double {
    let start = batchStart.load(ordering: .relaxed)
    return start == 0 ? 0 : Double(Clock.now - start) / 1e9
  }

  /// Takes a job, or says false if too many texts wait.
  func enqueue(_ job: Job) -> Bool {
    enum Verdict { case full, queued, mustStart }
    let verdict = state.withLock { state -> Verdict in
      let count = job.input.inputs.count
      if state.textCount > 0 && state.textCount + count > options.maximumQueuedTexts {
        return .full
      }
      state.waiting.append(job)
      state.textCount += count
      if state.isRunning { return .queued }
      state.isRunning = true
      return .mustStart
    }
    if verdict == .mustStart { queue.async { self.run() } }
    return verdict != .full
  }

  /// Answers 504 to the jobs whose time has passed while they wait.
  func expire() {
    let now = Clock.now
    let expired = state.withLock { state -> [Job] in
      let waiting = state.waiting[state.first...]
      let expired = waiting.filter { $0.deadline <= now }
      if expired.isEmpty { return [] }
      state.waiting = waiting.filter { $0.deadline > now }
      state.first = 0
      state.textCount -= expired.reduce(0) { $0 + $1.input.inputs.count }
      return expired
    }
    for job in expired { refuseLate(job) }
  }

  private func run() {
    while true {
      let batch = nextBatch()
      if batch.isEmpty { return }
      let now = Clock.now
      var jobs: [Job] = []
      for job in batch where !job.responder.isCancelled {
        if job.deadline <= now { refuseLate(job) } else { jobs.append(job) }
      }
      if jobs.isEmpty { continue }
      batchStart.store(now, ordering: .relaxed)
      predict(jobs)
      batchStart.store(0, ordering: .relaxed)
    }
  }

  private func nextBatch() -> [Job] {
    state.withLock { state in
      var batch: [Job] = []
      var texts = 0
      var tokens = 0
      while state.first < state.waiting.count {
        let job = state.waiting[state.first]
        texts += job.input.inputs.count
        tokens += job.tokenEstimate
        let isOver = texts > options.maximumBatchTexts || tokens > options.maximumBatchTokens
        if isOver && !batch.isEmpty { break }
        batch.append(job)
        state.first += 1
        state.textCount -= job.input.inputs.count
      }
      if state.first == state.waiting.count {
        state.waiting.removeAll(keepingCapacity: true)
        state.first = 0
      } else if state.first > 1024 {
        state.waiting.removeFirst(state.first)
        state.first = 0
      }
      if batch.isEmpty { state.isRunning = false }
      return batch
    }
  }

  private func predict(_ jobs: [Job]) {
    let inputs = jobs.count == 1 ? jobs[0].input.inputs : jobs.flatMap(\.input.inputs)
    let results: [Prediction]
    do {
      results = try predictor.predict(inputs)
    } catch {
      for job in jobs {
        let problem = Problem(
          status: .internalServerError, detail: "The model failed: \(error.localizedDescription)",
          mend: "Try again; if it goes on, tell the operator the request id.")
        job.responder.respond(problem.response(requestID: job.request.id))
      }
      return
    }
    var start = 0
    for job in jobs {
      let end = start + job.input.inputs.count
      let answer = PredictAnswer(
        labels: labels, predictions: Array(results[start..<end]), isList: job.input.isList,
        hasScores: job.hasScores)
      // First, so that feedback sent on the answer's heels finds its prediction.
      record(job, results[start..<end])
      job.responder.respond(answer.response())
      start = end
    }
  }

  private func record(_ job: Job, _ results: ArraySlice<Prediction>) {
    guard let recorder = hooks.recorder else { return }
    let duration = Clock.now - job.request.arrival
    for (index, (input, prediction)) in zip(job.input.inputs, results).enumerated() {
      // The texts of a list share a request; feedback tells them apart by position.
      let id = job.input.isList ? "\(job.request.id)/\(index)" : job.request.id
      recorder.record(
        prediction: PredictionEvent(
          requestID: id, text: input.text, prediction: prediction,
          duration: duration))
    }
  }

  private func refuseLate(_ job: Job) {
    let problem = Problem(
      status: .gatewayTimeout, detail: "The request's time passed before its turn came.",
      mend: "Try again later, or with a longer X-Request-Timeout-Ms.", retryAfter: 1)
    job.responder.respond(problem.response(requestID: job.request.id))
  }
}

/// The monotonic clock that `Request.arrival` is read from.
enum Clock {
  /// Nanoseconds.
  static var now: Int64 { Int64(DispatchTime.now().uptimeNanoseconds) }
}
