import Transformer

/// A job in the course of its computation: texts go out in slices, and what the versions say of them comes back in any order.
///
/// The results and the times are guarded by the compute queue's lock; the tokens are the compute queue's alone.
final class ComputeWork: @unchecked Sendable {
  let job: ComputeJob
  /// Of each text, its tokens for each version; nil until they are needed.
  private(set) var inputs: [[EncodedInput]?]
  /// Of each text, each version's answer; nil until it is there.
  private(set) var results: [[Result<Prediction, PredictionError>]?]
  /// How many are there.
  private var resultCount = 0
  /// Whether its first texts were read; the compute queue's alone.
  var isRead = false
  /// When its first slice began, or was offered; 0 before.
  var start: Int64 = 0
  /// Nanoseconds of the batches that it was in: for tokens, and for the rest.
  var tokeniseTime: Int64 = 0
  var forwardTime: Int64 = 0

  init(_ job: ComputeJob) {
    self.job = job
    inputs = Array(repeating: nil, count: job.inputs.count)
    results = Array(repeating: nil, count: job.inputs.count)
  }

  /// A job's work, as a schedule takes it.
  static func scheduled(_ job: ComputeJob) -> ScheduledWork<ComputeWork> {
    ScheduledWork(
      ComputeWork(job), client: job.call.client, weight: job.call.token?.weight ?? 1,
      trunk: job.trunk, textCount: job.inputs.count, deadline: job.deadline,
      tokenEstimate: job.tokenEstimate
    ) { text in
      let input = job.inputs[text]
      return job.asked.reduce(0) { max($0, $1.version.description.tokenEstimate(input)) }
    }
  }

  /// Whether every text has its results.
  var isComputed: Bool { resultCount == results.count }

  /// The tokens of a text for each version, which are kept until its results come.
  ///
  /// - Throws: why a version has none, and which.
  func encode(_ text: Int) throws(Rejection) -> [EncodedInput] {
    if let known = inputs[text] { return known }
    do throws(ComputeWork.Failure) {
      let own = try Self.encode(job.inputs[text], for: job.asked.map(\.version))
      inputs[text] = own
      return own
    } catch {
      throw Rejection(text: text, version: error.version, reason: error.reason)
    }
  }

  /// The tokens of a text for each of some versions.
  ///
  /// - Throws: why a version has none, and which.
  static func encode(
    _ input: TextInput, for versions: [ServedVersion]
  ) throws(Failure) -> [EncodedInput] {
    var own: [EncodedInput] = []
    own.reserveCapacity(versions.count)
    let lead = versions.first?.predictor
    for version in versions {
      let predictor = version.predictor
      if let first = own.first, let lead, predictor.encodes(like: lead) {
        own.append(first)
        continue
      }
      do throws(PredictionError) { own.append(try predictor.encode(input)) } catch {
        throw Failure(version: version, reason: error)
      }
    }
    return own
  }

  /// Lets go of the tokens of texts that are computed.
  func forget(_ texts: Range<Int>) { for text in texts { inputs[text] = nil } }

  /// Why a version has no tokens of a text.
  struct Failure: Error {
    let version: ServedVersion
    let reason: PredictionError
  }

  /// Why a text has no tokens.
  struct Rejection: Error {
    let text: Int
    let version: ServedVersion
    let reason: PredictionError
  }

  /// Takes what each version says of a text, once.
  func take(_ own: [Result<Prediction, PredictionError>], of text: Int) {
    if results[text] == nil { resultCount += 1 }
    results[text] = own
  }
}

/// What is computed at a time.
struct ComputeBatch {
  /// The slices of which it holds at least a text, as far as they fit.
  private(set) var slices: [Slice<ComputeWork>] = []
  private(set) var questions: [Question] = []
  private(set) var texts = 0
  /// Tokens that are computed.
  private(set) var tokens = 0

  /// Whether a text with these tokens for each version fits: it may have more than its bytes suggest. The first always does.
  func hasRoom(for inputs: [EncodedInput], limits: BatchLimits, time: BatchTime) -> Bool {
    let whole = tokens + Self.tokens(inputs)
    // Texts come as estimated; what is off by less than half a slice is not worth another.
    return texts == 0
      || whole <= limits.tokens
        && (!time.isKnown || time.nanoseconds(tokens: whole) <= limits.time + limits.time / 2)
  }

  /// Adds a text, which has these tokens for each version.
  mutating func add(_ inputs: [EncodedInput], for versions: [ServedVersion]) {
    for (version, input) in zip(versions, inputs) {
      questions.append(Question(predictor: version.predictor, input: input))
    }
    texts += 1
    tokens += Self.tokens(inputs)
  }

  /// Adds the slice whose texts were added last.
  mutating func close(_ slice: Slice<ComputeWork>) {
    if !slice.texts.isEmpty { slices.append(slice) }
  }

  /// Tokens that a text costs: equal ones are computed once for all versions.
  private static func tokens(_ inputs: [EncodedInput]) -> Int {
    guard let first = inputs.first else { return 0 }
    return inputs.dropFirst().reduce(first.tokenCount) { sum, other in
      let isSame = other.encodings.elementsEqual(first.encodings) { $0.ids == $1.ids }
      return sum + (isSame ? 0 : other.tokenCount)
    }
  }
}
