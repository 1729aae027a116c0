import Foundation
import JSON

/// What the model's input and output looked like on the data it was made with: what production is compared to.
public struct ReferenceProfile: Sendable, Equatable {
  /// The version of the file format.
  public static let version = 1
  /// Bins of equal width between 0 and 1 for the highest probability.
  public static let confidenceBinCount = 20

  /// One feature over all texts.
  public struct Distribution: Sendable, Equatable {
    /// Texts in each bin of the feature.
    public var counts: [Double]
    /// The mean value.
    public var mean: Double
    /// The sample variance.
    public var variance: Double
  }

  /// Identifies the weights that gave the predictions; empty if unknown.
  public let modelChecksum: String
  /// The classes, in the order of the model's outputs.
  public let labels: [String]
  /// How many texts there were.
  public let count: Int
  /// One distribution for each `Feature`, in its order.
  public let features: [Distribution]
  /// Texts predicted as each class.
  public let classCounts: [Double]
  /// Texts in each bin of confidence.
  public let confidenceCounts: [Double]
  /// The mean of the highest probability.
  public let meanConfidence: Double

  /// The bin of a confidence.
  public static func confidenceBin(of confidence: Double) -> Int {
    guard confidence > 0 else { return 0 }
    return min(confidenceBinCount - 1, Int(min(confidence, 1) * Double(confidenceBinCount)))
  }

  /// Gathers a profile text by text.
  public struct Builder: Sendable {
    private let labels: [String]
    private var bins = Feature.allCases.map { [Double](repeating: 0, count: $0.binCount) }
    private var moments = Feature.allCases.map { _ in Moments() }
    private var classes: [Double]
    private var confidences = [Double](repeating: 0, count: confidenceBinCount)
    private var confidence = Moments()

    /// An empty profile of a model with these classes.
    public init(labels: [String]) {
      self.labels = labels
      classes = [Double](repeating: 0, count: labels.count)
    }

    /// Takes in one text's features and the probabilities that the model gave, one for each label.
    public mutating func add(_ features: FeatureValues, probabilities: [Float]) {
      precondition(probabilities.count == labels.count, "one probability for each label")
      for feature in Feature.allCases {
        let value = features[feature]
        bins[feature.rawValue][feature.bin(of: value)] += 1
        moments[feature.rawValue].add(value)
      }
      guard let highest = probabilities.max(),
        let predicted = probabilities.firstIndex(of: highest)
      else { return }
      classes[predicted] += 1
      confidences[confidenceBin(of: Double(highest))] += 1
      confidence.add(Double(highest))
    }

    /// The profile of all that was added.
    /// - Parameter modelChecksum: what identifies the weights; checked when the profile is loaded beside a model.
    /// - Throws: `HealthError.emptyProfile`.
    public func build(modelChecksum: String = "") throws(HealthError) -> ReferenceProfile {
      guard moments[0].count > 0 else { throw .emptyProfile }
      return ReferenceProfile(
        modelChecksum: modelChecksum, labels: labels, count: Int(moments[0].count),
        features: Feature.allCases.map {
          let moments = moments[$0.rawValue]
          return Distribution(
            counts: bins[$0.rawValue], mean: moments.mean, variance: moments.variance)
        },
        classCounts: classes, confidenceCounts: confidences, meanConfidence: confidence.mean)
    }
  }
}
