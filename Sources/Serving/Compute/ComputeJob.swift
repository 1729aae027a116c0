import HTTP
import Transformer

/// One request's texts on their way through the compute queue.
struct ComputeJob: Sendable {
  let call: Call
  /// Which version answers.
  let version: ServedVersion
  /// Which is asked as well, for comparison, once the answer is sent.
  let shadow: ServedVersion?
  let inputs: [TextInput]
  /// Whether feedback tells the texts apart by position.
  let isList: Bool
  /// Monotonic nanoseconds after which nobody waits for the answer.
  let deadline: Int64
  /// Tokens, as estimated from the bytes.
  let tokenEstimate: Int
  /// Where the request has each of the texts, as a JSON pointer.
  let pointer: @Sendable (Int) -> String
  /// Makes the answer on the compute queue.
  let answer: @Sendable ([Prediction]) throws(Problem) -> Response

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

  /// The answer for a text that the model has none for.
  func problem(_ error: PredictionError, text index: Int) -> Problem {
    Problem(
      status: error == .notFinite ? .internalServerError : .unprocessableContent,
      detail: error.errorDescription ?? "", mend: error.recoverySuggestion ?? "",
      pointer: pointer(index))
  }

  /// Nobody can be told how long the queue is for: the client's own patience decides.
  static func full(retryAfter: Int) -> Problem {
    Problem(
      status: .serviceUnavailable, detail: "Too many texts wait for the model already.",
      mend: "Try again after the seconds in Retry-After.", retryAfter: retryAfter)
  }
}
