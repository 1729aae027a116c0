import Dispatch
import Health

/// One label as it came to `/feedback`, with what it means to each model that may have answered the request.
public struct FeedbackItem: Sendable, Equatable {
  /// A model that may have answered.
  public struct Candidate: Sendable, Equatable {
    /// The name; nil for the default model.
    public var model: String?
    /// The class; nil where the model has no such label.
    public var label: Int?

    /// A candidate.
    public init(model: String?, label: Int?) { (self.model, self.label) = (model, label) }
  }

  /// The `X-Request-Id` of the answer, with `/INDEX` for a text of a list.
  public var requestID: String
  /// The default model first.
  public var candidates: [Candidate]

  /// A label.
  public init(requestID: String, candidates: [Candidate]) {
    (self.requestID, self.candidates) = (requestID, candidates)
  }
}

/// Where a worker's labels go: counted in shared memory where the prediction is remembered there, else asked of the health
/// process, which has the store.
struct FeedbackDesk: Sendable {
  let recorder: HealthRecorder
  /// Nil without monitoring.
  let client: LabelClient?

  /// Takes labels; `done` has one answer for each, in their order, and may be called at once.
  func take(
    _ items: [FeedbackItem], done: @escaping @Sendable ([FeedbackAnswer]) -> Void
  ) {
    var answers: [FeedbackAnswer] = []
    var (places, inquiries) = ([Int](), [[LabelInquiry.Candidate]]())
    for (place, item) in items.enumerated() {
      if let answer = remembered(item) {
        answers.append(answer)
        continue
      }
      answers.append(FeedbackAnswer(outcome: .unknownRequest))
      places.append(place)
      inquiries.append(
        item.candidates.map {
          LabelInquiry.Candidate(
            key: FeedbackKey.of(requestID: item.requestID, model: $0.model),
            model: FeedbackKey.tag(model: $0.model), label: $0.label)
        })
    }
    guard let client, !places.isEmpty else { return done(answers) }
    let known = answers
    client.ask(inquiries) { [places] found in
      var answers = known
      for (place, answer) in zip(places, found) { answers[place] = answer }
      done(answers)
    }
  }

  private func remembered(_ item: FeedbackItem) -> FeedbackAnswer? {
    for (place, candidate) in item.candidates.enumerated() {
      let key = FeedbackKey.of(requestID: item.requestID, model: candidate.model)
      let generation = recorder.generations[candidate.model]
      guard recorder.health.remembers(key: key, generation: generation) else { continue }
      guard let label = candidate.label else {
        return FeedbackAnswer(outcome: .unknownLabel, candidate: place)
      }
      let outcome = recorder.feedback(key: key, model: candidate.model, label: label)
      // Another prediction may have taken its place between the two looks.
      if outcome == .unknownRequest { continue }
      return FeedbackAnswer(outcome: outcome, candidate: place)
    }
    return nil
  }
}
