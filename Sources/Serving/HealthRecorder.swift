import Health
import Transformer

/// Counts each prediction for the pool's figures and for the health monitor's.
struct HealthRecorder: ServingRecorder {
  let counters: any ServingRecorder
  let health: HealthCounters.Recorder
  let versions: VersionCounters.Recorder

  func record(route: String?, status: Int, nanoseconds: Int64, byteCount: Int) {
    counters.record(route: route, status: status, nanoseconds: nanoseconds, byteCount: byteCount)
  }

  func record(prediction: PredictionEvent) {
    counters.record(prediction: prediction)
    // Drift is watched over the default model's classes: another model's would be counted under the wrong labels.
    guard prediction.version.isDefault else { return }
    // Scores, tokens and vectors have no classes.
    guard let answer = prediction.prediction.classification else { return }
    health.record(
      FeatureValues(
        text: prediction.text, tokenCount: answer.tokenCount,
        unknownTokenCount: answer.unknownTokenCount),
      requestID: prediction.requestID, predicted: answer.labelIndex,
      confidence: Double(answer.probabilities[answer.labelIndex]))
  }

  func record(version: ServedVersion, outcome: VersionOutcome) {
    versions.record(version, outcome)
  }

  func record(queueDepth: Int) { counters.record(queueDepth: queueDepth) }
}
