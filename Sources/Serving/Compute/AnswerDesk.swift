import HTTP
import Transformer

/// Makes answers of what was computed, and tells the recorders. On the compute queue, but for `refuse`.
struct AnswerDesk {
  let hooks: ServingHooks
  let shadow: ShadowRunner?

  /// Answers works that are computed.
  ///
  /// - Returns: what is to be measured once the answers are on their way.
  func answer(_ works: [ComputeWork]) -> [PredictionEvent] {
    let now = Clock.now
    var events: [PredictionEvent] = []
    for work in works {
      let job = work.job
      guard let predictions = predictions(work) else { continue }
      // First, so that feedback sent on the answer's heels finds its prediction.
      for (asked, own) in zip(job.asked, predictions) {
        record(job, asked.version, own, now, &events)
      }
      hooks.recorder?.record(
        queue: work.start - job.call.request.arrival, tokenise: work.tokeniseTime,
        forward: work.forwardTime)
      answer(job, predictions)
      for (asked, own) in zip(job.asked, predictions) {
        if let target = asked.shadow { shadow?.offer(job.inputs, answered: own, to: target) }
      }
    }
    return events
  }

  /// What each version says of a job's texts; nil where one has no answer, which is then told.
  private func predictions(_ work: ComputeWork) -> [[Prediction]]? {
    var all: [[Prediction]] = []
    for (number, asked) in work.job.asked.enumerated() {
      var predictions: [Prediction] = []
      predictions.reserveCapacity(work.results.count)
      var failures: [(index: Int, error: PredictionError)] = []
      for (index, results) in work.results.enumerated() {
        guard let own = results?[number] else { continue }
        do throws(PredictionError) { predictions.append(try own.get()) } catch {
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

  /// Refuses a request because of one of its texts, on whose account no version failed.
  func reject(_ job: ComputeJob, _ rejection: ComputeWork.Rejection) {
    refuse(
      job, job.problem(rejection.reason, text: rejection.text, of: rejection.version), by: [])
  }

  /// Refuses a request, unless another of its jobs has; `failed` are the versions on whose account it goes, all for nil. From any
  /// queue.
  func refuse(_ job: ComputeJob, _ problem: Problem, by failed: [ComputeJob.Asked]? = nil) {
    for asked in failed ?? job.asked {
      hooks.recorder?.record(version: asked.version, outcome: .failed)
    }
    if job.joined?.end() ?? true { job.call.refuse(problem) }
  }

  /// The answer where the model itself fails.
  static func failed(_ error: any Error) -> Problem {
    Problem(
      status: .internalServerError, detail: "The model failed: \(error.localizedDescription)",
      mend: "Try again; if it goes on, tell the operator the request id.")
  }
  /// The answer where a worker crashed, or hung, while it computed for the request.
  static let fatal = Problem(
    status: .internalServerError,
    detail: "A worker ended while it computed a text of this request, perhaps because of it.",
    mend:
      "Do not send it again as it is: send its texts one by one to find which, and tell the operator the request id."
  )
  /// The answer where the model says too little or too much.
  static func incomplete(_ answers: Int, of questions: Int) -> Problem {
    Problem(
      status: .internalServerError,
      detail: "The model gave \(answers) answers to \(questions) questions.",
      mend: "Tell the operator the request id.")
  }
}
