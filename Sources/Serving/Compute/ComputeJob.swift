import HTTP
import Transformer

/// One request's texts on their way through the compute queue, for versions that one forward pass serves.
struct ComputeJob: Sendable {
  /// A version that answers.
  struct Asked: Sendable {
    let version: ServedVersion
    /// Which is asked as well, for comparison, once the answer is sent.
    let shadow: ServedVersion?

    init(_ version: ServedVersion, shadow: ServedVersion?) {
      self.version = version
      self.shadow = shadow === version ? nil : shadow
    }
  }

  let call: Call
  /// Which versions answer, all of this trunk.
  let asked: [Asked]
  let trunk: ServedTrunk
  /// The request's other jobs; nil where there are none.
  let joined: JoinedAnswer?
  let inputs: [TextInput]
  /// Whether feedback tells the texts apart by position.
  let isList: Bool
  /// Monotonic nanoseconds after which nobody waits for the answer.
  let deadline: Int64
  /// Tokens, as estimated from the bytes.
  let tokenEstimate: Int
  /// Where the request has each of the texts, as a JSON pointer.
  let pointer: @Sendable (Int) -> String
  /// Makes the answer on the compute queue of what each version says; nil where the request waits for its other jobs.
  let answer: @Sendable ([[Prediction]]) throws(Problem) -> Response?

  /// Whether nobody waits for the answer any more: its client has gone, or the request has its answer from another of its jobs.
  var isAbandoned: Bool { call.responder.isCancelled || joined?.isOver ?? false }

  /// The answer that comes too late.
  static let late = Problem(
    status: .gatewayTimeout, detail: "The request's time passed before its turn came.",
    mend: "Try again later, or with a longer X-Request-Timeout-Ms.", retryAfter: 1)

  /// The answer where the time passed while a list was computed.
  static func late(done: Int, of count: Int) -> Problem {
    if done == 0 { return late }
    return Problem(
      status: .gatewayTimeout,
      detail: "The request's time passed when \(done) of its \(count) texts were computed.",
      mend:
        "Send shorter lists, or a longer X-Request-Timeout-Ms; the server's own limit is --timeout.",
      retryAfter: 1)
  }

  /// The answer for a text that a version has none for; it names the model where there are several.
  func problem(_ error: PredictionError, text index: Int, of version: ServedVersion) -> Problem {
    let isOneOfSeveral = asked.count > 1 || joined != nil
    let model = isOneOfSeveral ? "Model '\(version.description.name)': " : ""
    return Problem(
      status: error == .notFinite ? .internalServerError : .unprocessableContent,
      detail: model + (error.errorDescription ?? ""), mend: error.recoverySuggestion ?? "",
      pointer: pointer(index))
  }

  /// Nobody can be told how long the queue is for: the client's own patience decides.
  static func full(retryAfter: Int) -> Problem {
    Problem(
      status: .serviceUnavailable, detail: "Too many texts wait for the model already.",
      mend: "Try again after the seconds in Retry-After.", retryAfter: retryAfter)
  }
}
