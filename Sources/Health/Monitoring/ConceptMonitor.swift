import Foundation

/// Watches whether the model is as often right as it was, label by label: against the reference, and, by the classical
/// detectors, against the recent past.
public struct ConceptMonitor: Sendable {
  /// What was found in the stream of errors.
  public struct State: Sendable, Equatable, Codable {
    /// Labels seen.
    public var count = 0
    /// Whether errors are more frequent than on the reference, beyond chance.
    public var isWorse = false
    /// Labels at which ADWIN last saw the rate rise; nil if never.
    public var adaptiveWindowAt: Int?
    /// Labels at which Page and Hinkley's test last saw it rise.
    public var pageHinkleyAt: Int?
    /// Labels at which DDM last saw it rise.
    public var driftDetectionMethodAt: Int?
    /// How many of the three classical detectors saw a rise over the recent past in the latest `memory` labels.
    public var agreeing = 0
  }

  /// Labels for which a detector's finding counts.
  public static let memory = 500

  /// What was found.
  public private(set) var state = State()
  /// Against the reference; nil where it has no labels.
  private(set) var test: ErrorRateTest?
  private var adaptive = AdaptiveWindow()
  private var pageHinkley = PageHinkley()
  private var method = DriftDetectionMethod()

  /// - Parameters:
  ///   - labelled: the reference's error rates; without them only the classical detectors speak.
  ///   - options: of them the level and the labels that it is meant for.
  public init(
    labelled: ReferenceProfile.Labelled?, classCount: Int,
    options: AnytimeDetector.Options = AnytimeDetector.Options()
  ) {
    test = labelled.map {
      ErrorRateTest(
        labelled: $0, classCount: classCount, level: options.level, window: options.window)
    }
    // Its threshold of 50 is for values of any size; errors are 0 or 1.
    pageHinkley.threshold = 10
    pageHinkley.direction = .up
  }

  /// Takes in one labelled prediction.
  public mutating func add(label: Int, predicted: Int) {
    let isError = label != predicted
    state.count += 1
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
    test?.add(label: label, isError: isError)
    state.isWorse = test?.finding != nil
  }
}

extension ConceptMonitor {
  /// What it has come to, without what it was made with.
  struct Saved: Codable {
    var state: State
    var test: ErrorRateTest.Saved?
    var adaptive: AdaptiveWindow
    var pageHinkley: PageHinkley
    var method: DriftDetectionMethod
  }

  /// What it has come to.
  var saved: Saved {
    Saved(
      state: state, test: test?.saved, adaptive: adaptive, pageHinkley: pageHinkley, method: method)
  }

  /// Goes on from there.
  mutating func resume(_ saved: Saved) {
    (state, adaptive) = (saved.state, saved.adaptive)
    (pageHinkley, method) = (saved.pageHinkley, saved.method)
    if let test = saved.test { self.test?.resume(test) }
  }
}
