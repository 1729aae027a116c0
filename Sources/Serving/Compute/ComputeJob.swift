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
  /// Makes the answer on the compute queue.
  let answer: @Sendable ([Prediction]) throws(Problem) -> Response

  /// The answer that comes too late.
  static let late = Problem(
    status: .gatewayTimeout, detail: "The request's time passed before its turn came.",
    mend: "Try again later, or with a longer X-Request-Timeout-Ms.", retryAfter: 1)

  /// Nobody can be told how long the queue is for: the client's own patience decides.
  static func full(retryAfter: Int) -> Problem {
    Problem(
      status: .serviceUnavailable, detail: "Too many texts wait for the model already.",
      mend: "Try again after the seconds in Retry-After.", retryAfter: retryAfter)
  }
}
