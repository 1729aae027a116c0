import Foundation
import Health
import Transformer

/// Counts each prediction for the pool's figures and for the health monitor's, and tells the health process of it.
struct HealthRecorder: ServingRecorder {
  let counters: any ServingRecorder
  let health: HealthCounters.Recorder
  let versions: VersionCounters.Recorder
  let latencies: LatencyCounters.Recorder
  /// Where events go; nil with `--monitor none`.
  var events: EventSender?
  /// What the default model's reference is written with.
  var trigrams: TrigramSet?
  /// Which weights and classes each model has.
  var generations = ModelGenerations()
  /// What events are dated by.
  let clock: HealthClock
  /// Whether events carry the text (`--keep-text`).
  var keepsText = false

  func record(route: String?, status: Int, nanoseconds: Int64, byteCount: Int) {
    counters.record(route: route, status: status, nanoseconds: nanoseconds, byteCount: byteCount)
    latencies.record(LatencyCounters.Route(route), nanoseconds: nanoseconds)
  }

  func record(queue: Int64, tokenise: Int64, forward: Int64) {
    latencies.record(.queue, nanoseconds: queue)
    latencies.record(.tokenise, nanoseconds: tokenise)
    latencies.record(.forward, nanoseconds: forward)
  }

  func record(write nanoseconds: Int64) { latencies.record(.write, nanoseconds: nanoseconds) }

  func record(prediction: PredictionEvent) {
    counters.record(prediction: prediction)
    // Scores, tokens and vectors have no classes.
    guard events != nil, let answer = prediction.prediction.classification else { return }
    let model = Self.model(prediction)
    health.remember(
      key: FeedbackKey.of(requestID: prediction.requestID, model: model),
      predicted: answer.labelIndex, generation: generations[model])
  }

  func measure(prediction: PredictionEvent) {
    guard let events, let answer = prediction.prediction.classification else { return }
    var record = record(of: prediction, answer)
    // Drift is watched over the default model's classes: another model's would be counted under the wrong labels.
    if prediction.version.isDefault {
      let features = FeatureValues(
        text: prediction.text, tokenCount: answer.tokenCount,
        unknownTokenCount: answer.unknownTokenCount, trigrams: trigrams)
      record.measure(
        features, embedding: prediction.prediction.sketch, isTruncated: answer.isTruncated)
    }
    events.send(.prediction(record))
  }

  func record(version: ServedVersion, outcome: VersionOutcome) {
    versions.record(version, outcome)
  }

  /// Called four times a second, which bounds how long an event waits for company.
  func record(queueDepth: Int) {
    counters.record(queueDepth: queueDepth)
    events?.flush()
  }

  private static func model(_ prediction: PredictionEvent) -> String? {
    prediction.version.isDefault ? nil : prediction.version.description.name
  }

  /// What feedback needs of a prediction.
  private func record(of prediction: PredictionEvent, _ answer: Classification) -> PredictionRecord
  {
    let model = Self.model(prediction)
    var record = PredictionRecord()
    record.time = clock.microseconds
    record.requestHash = FeedbackKey.of(requestID: prediction.requestID, model: model)
    record.requestID = prediction.requestID
    record.latency = UInt32(clamping: prediction.duration / 1000)
    record.predicted = answer.labelIndex
    record.probabilities = answer.probabilities
    record.model = FeedbackKey.tag(model: model)
    record.generation = generations[model]
    if keepsText { record.text = prediction.text }
    return record
  }

  /// Takes a true label whose prediction the pool remembers: noted here, and told to the health process, which counts it.
  /// - Parameter model: nil for the default model.
  func feedback(key: UInt64, model: String?, label: Int) -> FeedbackOutcome {
    let (outcome, predicted, generation) = health.feedback(
      key: key, labelIndex: label, generation: generations[model])
    guard let events else { return outcome }
    var late = LateLabel(
      time: clock.microseconds, requestHash: key, label: label, predicted: predicted,
      model: FeedbackKey.tag(model: model), generation: generation)
    switch outcome {
    case .counted: break
    case .replaced(let previous, _): late.previous = previous
    default: return outcome
    }
    events.send(.label(late))
    return outcome
  }
}

/// `HealthState.generation` of each model whose labels are taken, so that a label for a prediction of the weights before a reload
/// is not counted against those after it.
struct ModelGenerations {
  private var own: UInt64 = 0
  private var others: [String: UInt64] = [:]

  /// Unknown ones.
  init() {}

  /// Those of a service.
  init(_ service: Service) {
    own = HealthState.generation(
      labels: service.defaultModel?.model.labels ?? [], reference: service.reference)
    for (name, labels) in service.otherClassifiers {
      others[name] = HealthState.generation(labels: labels, reference: nil)
    }
  }

  /// The generation of a model, nil for the default one; 0 where it is not known.
  subscript(model: String?) -> UInt64 { model.map { others[$0] ?? 0 } ?? own }

  /// All of them.
  var all: [UInt64] { [own] + others.values }
}
