import Foundation
import JSON

/// What the model's input and output looked like on the data it was made with: what production is compared to.
public struct ReferenceProfile: Sendable, Equatable {
  /// The version of the file format.
  public static let version = 3
  /// The oldest version that can be read.
  public static let oldestVersion = 2
  /// Bins of equal width between 0 and 1 for the highest probability, the entropy's share of its maximum, and each class's
  /// probability.
  public static let confidenceBinCount = 20
  /// Classes whose probabilities' distributions are kept.
  public static let classDistributionLimit = 64

  /// One feature over all texts.
  public struct Distribution: Sendable, Equatable {
    /// Texts in each bin of the feature.
    public var counts: [Double]
    /// The mean value.
    public var mean: Double
    /// The sample variance.
    public var variance: Double
    /// Values at evenly spaced ranks, ascending, at most `quantileLimit`: all of them where there are no more.
    public var quantiles: [Double]
    /// How many of them are kept.
    public static let quantileLimit = 201

    /// How many texts it is of.
    public var count: Double { counts.reduce(0, +) }
  }

  /// How the labelled rows of the reference were judged.
  public struct Labelled: Sendable, Equatable {
    /// The share that was right.
    public var accuracy: Double
    /// How many rows had a label.
    public var count: Int
    /// Rows by bin of confidence.
    public var binCounts: [Double]
    /// Of them, those that were right.
    public var binHits: [Double]
    /// From confidence to the chance of being right.
    public var calibration: ConfidenceCalibration
    /// Wrong rows by true class.
    public var classErrors: [Double]
    /// Rows by true class.
    public var classCounts: [Double]
  }

  /// Identifies the weights that gave the predictions; empty if unknown.
  public let modelChecksum: String
  /// The classes, in the order of the model's outputs.
  public let labels: [String]
  /// How many texts the model predicted.
  public let count: Int
  /// One distribution for each `Feature`, in its order. Those of the text alone may be of more texts than `count`.
  public let features: [Distribution]
  /// What the texts are written with; nil where a file of an older version has none.
  public let trigrams: TrigramSet?
  /// Texts predicted as each class.
  public let classCounts: [Double]
  /// Texts in each bin of confidence.
  public let confidenceCounts: [Double]
  /// The mean of the highest probability.
  public let meanConfidence: Double
  /// The highest probability in bins of equal share.
  public let confidence: LearnedBins
  /// The entropy of the probabilities as a share of the largest possible.
  public let entropy: LearnedBins
  /// For each class, texts by bin of its probability; none where there are more than `classDistributionLimit` classes.
  public let probabilityCounts: [[Double]]
  /// Failures of each `QualityCheck`, in its order.
  public let qualityFailures: [Double]
  /// What the checks compare with.
  public let thresholds: QualityThresholds
  /// The embeddings; nil where the model gave none.
  public let embedding: EmbeddingReference?
  /// Accuracy and calibration; nil where the rows had no labels.
  public let labelled: Labelled?

  /// The bin of a confidence.
  public static func confidenceBin(of confidence: Double) -> Int {
    guard confidence > 0 else { return 0 }
    return min(confidenceBinCount - 1, Int(min(confidence, 1) * Double(confidenceBinCount)))
  }

  /// The entropy of probabilities as a share of the largest possible; 0 for one class.
  public static func entropyShare(_ probabilities: [Float]) -> Double {
    guard probabilities.count > 1 else { return 0 }
    // `Statistics.entropy` without a list of its own: every event asks for it.
    var entropy = 0.0
    for share in probabilities where share > 0 { entropy -= Double(share) * log(Double(share)) }
    return entropy / log(Double(probabilities.count))
  }
}
