import Foundation

/// Watches whether the model is as often right as it was, label by label.
public struct ConceptMonitor: Sendable {
  /// What was found in the stream of errors.
  public struct State: Sendable, Equatable, Codable {
    /// Labels seen.
    public var count = 0
    /// log evidence that errors are more frequent than on the reference, and what it must reach.
    public var logEvidence = 0.0
    /// The threshold of `logEvidence`.
    public var logThreshold = 0.0
    /// Whether the anytime-valid test has rejected the reference's error rates, and not taken it back.
    public var isWorse = false
    /// Labels at which ADWIN last saw the rate rise; nil if never.
    public var adaptiveWindowAt: Int?
    /// Labels at which Page and Hinkley's test last saw it rise.
    public var pageHinkleyAt: Int?
    /// Labels at which DDM last saw it rise.
    public var driftDetectionMethodAt: Int?
    /// How many of the three classical detectors saw a change in the latest `memory` labels.
    public var agreeing = 0
  }

  /// Labels for which a detector's finding counts.
  public static let memory = 500

  /// What was found.
  public private(set) var state = State()
  private var evidence: AnytimeDetector?
  private let classCount: Int
  private let referenceErrorRate: Double
  private var recent: [Bool] = []
  private var adaptive = AdaptiveWindow()
  private var pageHinkley = PageHinkley()
  private var method = DriftDetectionMethod()

  /// - Parameter labelled: the reference's error rates; without them only the classical detectors speak.
  public init(
    labelled: ReferenceProfile.Labelled?, classCount: Int,
    options: AnytimeDetector.Options = AnytimeDetector.Options()
  ) {
    self.classCount = classCount
    referenceErrorRate = labelled.map { 1 - $0.accuracy } ?? 0
    // Its threshold of 50 is for values of any size; errors are 0 or 1.
    pageHinkley.threshold = 10
    pageHinkley.direction = .up
    guard let labelled else { return }
    var options = options
    options.stride = 100
    options.window = 500
    options.horizon = 1000
    options.lookEvery = 5
    let right = Double(labelled.count) * labelled.accuracy
    var streams = [
      AnytimeDetector.Stream(
        name: "errors", reference: [right, Double(labelled.count) - right].map { $0.rounded() },
        weight: 0.5)
    ]
    if classCount <= 64 {
      streams += (0..<classCount).map { index in
        let errors = labelled.classErrors[index]
        return AnytimeDetector.Stream(
          name: "errors of class \(index)",
          reference: [labelled.classCounts[index] - errors, errors],
          weight: 0.5 / Double(classCount))
      }
    } else {
      streams[0] = AnytimeDetector.Stream(
        name: "errors", reference: streams[0].reference, weight: 1)
    }
    evidence = AnytimeDetector(streams: streams, options: options)
  }

  /// Takes in one labelled prediction.
  public mutating func add(label: Int, predicted: Int) {
    let isError = label != predicted
    state.count += 1
    recent.append(isError)
    if recent.count > 200 { recent.removeFirst(100) }
    let before = adaptive.mean
    if adaptive.add(isError ? 1 : 0), adaptive.mean > before {
      state.adaptiveWindowAt = state.count
    }
    if pageHinkley.add(isError ? 1 : 0) { state.pageHinkleyAt = state.count }
    if method.add(isError: isError) == .drift { state.driftDetectionMethodAt = state.count }
    state.agreeing =
      [state.adaptiveWindowAt, state.pageHinkleyAt, state.driftDetectionMethodAt].count {
        $0.map { state.count - $0 < Self.memory } ?? false
      }
    addEvidence(label, isError)
  }

  private mutating func addEvidence(_ label: Int, _ isError: Bool) {
    guard var detector = evidence else { return }
    // Not in the tuple's place: a copy would share storage and be made anew each time.
    evidence = nil
    var bins = [Int](repeating: -1, count: detector.streams.count)
    bins[0] = isError ? 1 : 0
    if detector.streams.count > label + 1 { bins[label + 1] = bins[0] }
    if let finding = detector.add(bins) {
      state.logEvidence = finding.logEvidence
      state.logThreshold = finding.logThreshold
    }
    // The test has two sides; a model that has become better is no reason for concern.
    let rate = Double(recent.count { $0 }) / Double(max(1, recent.count))
    state.isWorse = detector.isDrifted && rate > referenceErrorRate
    evidence = detector
  }
}

extension ConceptMonitor {
  /// What it has come to, without what it was made with.
  struct Saved: Codable {
    var state: State
    var evidence: AnytimeDetector.Saved?
    var recent: [Bool]
    var adaptive: AdaptiveWindow
    var pageHinkley: PageHinkley
    var method: DriftDetectionMethod
  }

  /// What it has come to.
  var saved: Saved {
    Saved(
      state: state, evidence: evidence?.saved, recent: recent, adaptive: adaptive,
      pageHinkley: pageHinkley, method: method)
  }

  /// Goes on from there.
  mutating func resume(_ saved: Saved) {
    (state, recent, adaptive) = (saved.state, saved.recent, saved.adaptive)
    (pageHinkley, method) = (saved.pageHinkley, saved.method)
    if let evidence = saved.evidence { self.evidence?.resume(evidence) }
  }
}
