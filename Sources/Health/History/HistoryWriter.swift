/// Keeps history somewhere that outlives the process.
///
/// No call throws, and `append` never waits: what cannot be written is dropped, counted, and said once.
public protocol HistoryWriter: Sendable {
  /// What it does now, in a few words.
  var state: String { get }
  /// Predictions of one second that it keeps.
  var predictionsPerSecond: Int { get }
  /// What was kept before this process, for a model of so many classes; nil where it cannot be read now. May take seconds.
  func earlier(since start: Int64, classCount: Int, generation: UInt64) -> EarlierHistory?
  /// Predictions that are no longer in memory, by key; nil where they cannot be read now. May take seconds.
  func predictions(_ keys: [UInt64]) -> [UInt64: StoredPrediction]?
  /// Takes in predictions, and the generation of each model by its tag.
  func append(_ records: [PredictionRecord], generations: [UInt32: UInt64])
  /// Takes in labels that were counted, or that replaced another.
  func append(labels: [StoredLabel])
  /// Takes in minutes that are over, alerts that began or ended, and what drift detection and accuracy have come to.
  func append(minutes: [Minute], alerts: [Alert], snapshot: StateSnapshot?)
  /// Writes what waits, and ends.
  func close()
}

/// What a store has of the time before this process.
public struct EarlierHistory: Sendable {
  /// Minutes, the oldest first.
  public var minutes: [Minute] = []
  /// Alerts.
  public var alerts: [Alert] = []
  /// The latest snapshot of the same generation of the default model.
  public var snapshot: StateSnapshot?
  /// Predictions that got their labels after that snapshot, in the order of their labels.
  public var labelled: [StoredPrediction] = []

  /// Nothing.
  public init() {}
}

/// A prediction as it is kept for its label.
public struct StoredPrediction: Sendable, Equatable {
  /// `FeedbackKey` of its request.
  public var key: UInt64
  /// The host that answered; empty for this one.
  public var host = ""
  /// When, in microseconds since 1970.
  public var time: Int64
  /// The model's tag; 0 for the default one.
  public var model: UInt32
  /// Which weights and labels said so.
  public var generation: UInt64
  /// The request id, for people.
  public var requestID: String
  /// The predicted class.
  public var predicted: Int
  /// One for each class; empty where there are many.
  public var probabilities: [Float]
  /// Microseconds that the request took.
  public var latency: UInt32
  /// The text, with `--store-text` alone.
  public var text: String
  /// The true class, once it is known.
  public var label: Int?
  /// When that was told, in microseconds since 1970.
  public var labelledAt: Int64?

  /// More classes than these are kept without their probabilities.
  public static let probabilityLimit = 32

  /// What is kept of `record`.
  public init(_ record: PredictionRecord, generation: UInt64) {
    (key, time, model) = (record.requestHash, record.time, record.model)
    (self.generation, requestID, predicted) = (generation, record.requestID, record.predicted)
    probabilities =
      record.probabilities.count <= Self.probabilityLimit ? record.probabilities : []
    (latency, text) = (record.latency, record.text)
  }
}

/// A label for a stored prediction.
public struct StoredLabel: Sendable, Equatable {
  /// `FeedbackKey` of the request.
  public var key: UInt64
  /// The true class.
  public var label: Int
  /// When it was told, in microseconds since 1970.
  public var time: Int64

  /// A label.
  public init(key: UInt64, label: Int, time: Int64) {
    (self.key, self.label, self.time) = (key, label, time)
  }

  init(_ label: LateLabel) {
    self.init(key: label.requestHash, label: label.label, time: label.time)
  }
}

/// What drift detection and accuracy have come to, so that a restart goes on from there.
public struct StateSnapshot: Sendable, Equatable {
  /// Which weights and labels it belongs to.
  public var generation: UInt64
  /// When it was taken, in microseconds since 1970.
  public var time: Int64
  /// The state as `HealthState.snapshot` writes it.
  public var bytes: [UInt8]

  /// A snapshot.
  public init(generation: UInt64, time: Int64, bytes: [UInt8]) {
    (self.generation, self.time, self.bytes) = (generation, time, bytes)
  }
}

extension Alert {
  /// The alert as it was kept, silenced or not.
  public func silenced(_ isSilenced: Bool) -> Alert {
    var alert = self
    alert.isSilenced = isSilenced
    return alert
  }
}
