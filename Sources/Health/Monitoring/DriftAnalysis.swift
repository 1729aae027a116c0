import Foundation

/// One distribution of the latest window beside the reference's, by every measure.
public struct DistributionComparison: Sendable {
  /// The feature's name, or `class`, `confidence`, `entropy`, `embedding_…`.
  public let name: String
  /// What each bin holds.
  public let binNames: [String]
  /// The reference's count in each bin.
  public let reference: [Double]
  /// The window's count in each bin.
  public let current: [Double]
  /// How far mean and variance have moved; nil for categories.
  public let shift: MomentShift?
  /// Population stability index.
  public let stabilityIndex: Double
  /// Jensen–Shannon distance in nats.
  public let jensenShannon: Double
  /// Wasserstein distance, in the feature's unit; nil for categories.
  public let wasserstein: Double?
  /// Kolmogorov–Smirnov test; nil for categories.
  public let kolmogorovSmirnov: TestResult?
  /// χ² test over bins.
  public let chiSquared: TestResult
  /// The smaller of the tests' p-values, corrected for the number of distributions (Benjamini and Hochberg).
  public internal(set) var adjustedPValue = 1.0
}

/// Compares a window of predictions with the reference by every measure: what the dashboard shows. Alarms come from
/// `AnytimeDetector`, because these tests are repeated with every look.
public struct DriftAnalysis: Sendable {
  /// Every distribution.
  public private(set) var comparisons: [DistributionComparison] = []
  /// Maximum mean discrepancy over embeddings; nil without.
  public private(set) var discrepancy: TestResult?
  /// Area under the curve of a classifier that tells reference from window by their embeddings; nil without.
  public private(set) var domainClassifier: TestResult?
  /// Predictions in the window.
  public let count: Int

  /// - Parameter vectors: how many embeddings of each side the tests over whole vectors use; 0 leaves them out.
  public init(
    reference: ReferenceProfile, window: [PredictionRecord], vectors: Int = 200
  ) {
    count = window.count
    let rows = window.filter { $0.features.count == Feature.allCases.count }
    for feature in Feature.allCases {
      let values = rows.map { Double($0.features[feature.rawValue]) }
      comparisons.append(
        Self.compare(
          name: feature.name, binNames: feature.binNames,
          reference.features[feature.rawValue], values: values, isCategory: feature.isCategory,
          bin: feature.bin(of:)))
    }
    addPredictions(reference, window)
    addEmbeddings(reference, window, vectors)
    let adjusted = Statistics.benjaminiHochberg(
      comparisons.map { min($0.chiSquared.pValue, $0.kolmogorovSmirnov?.pValue ?? 1) })
    for index in comparisons.indices { comparisons[index].adjustedPValue = adjusted[index] }
  }

  private mutating func addPredictions(
    _ reference: ReferenceProfile, _ window: [PredictionRecord]
  ) {
    var classes = [Double](repeating: 0, count: reference.classCounts.count)
    for row in window where row.predicted < classes.count { classes[row.predicted] += 1 }
    comparisons.append(
      Self.compare(name: "class", reference.labels, reference.classCounts, classes))
    comparisons.append(
      Self.compare(
        name: "confidence", reference.confidence, window.map(\.confidence),
        total: reference.count))
    comparisons.append(
      Self.compare(
        name: "entropy", reference.entropy,
        window.map { ReferenceProfile.entropyShare($0.probabilities) }, total: reference.count))
    guard !reference.probabilityCounts.isEmpty, reference.labels.count > 2 else { return }
    for (index, counts) in reference.probabilityCounts.enumerated() {
      var current = [Double](repeating: 0, count: counts.count)
      for row in window where row.probabilities.count > index {
        current[ReferenceProfile.confidenceBin(of: Double(row.probabilities[index]))] += 1
      }
      let names = counts.indices.map { "\($0 * 5)–\($0 * 5 + 5) %" }
      comparisons.append(
        Self.compare(name: "probability:\(reference.labels[index])", names, counts, current))
    }
  }

  private mutating func addEmbeddings(
    _ reference: ReferenceProfile, _ window: [PredictionRecord], _ vectors: Int
  ) {
    guard let embedding = reference.embedding else { return }
    let rows = window.map(\.embedding).filter { $0.count == embedding.components.count }
    guard rows.count > 10 else { return }
    comparisons.append(
      Self.compare(
        name: "embedding_distance", embedding.distance, rows.map(embedding.distance(of:)),
        total: reference.count))
    for (index, component) in embedding.components.enumerated() {
      comparisons.append(
        Self.compare(
          name: "embedding_\(index)", component, rows.map { Double($0[index]) },
          total: reference.count))
    }
    guard vectors > 0 else { return }
    let (left, right) = (Self.evenly(embedding.sample, vectors), Self.evenly(rows, vectors))
    discrepancy = MaximumMeanDiscrepancy(reference: left, current: right).permutationTest()
    domainClassifier = DomainClassifier.crossValidated(reference: left, current: right)
  }

  private static func evenly(_ rows: [[Float]], _ count: Int) -> [[Float]] {
    guard rows.count > count else { return rows }
    return (0..<count).map { rows[$0 * rows.count / count] }
  }

  /// Counts alone: categories.
  private static func compare(
    name: String, _ binNames: [String], _ reference: [Double], _ current: [Double]
  ) -> DistributionComparison {
    DistributionComparison(
      name: name, binNames: binNames, reference: reference, current: current, shift: nil,
      stabilityIndex: stabilityIndex(reference, current),
      jensenShannon: Statistics.jensenShannonDistance(reference: reference, current: current),
      wasserstein: nil, kolmogorovSmirnov: nil,
      chiSquared: Statistics.chiSquared(reference: reference, current: current))
  }

  private static func compare(
    name: String, binNames: [String], _ reference: ReferenceProfile.Distribution,
    values: [Double], isCategory: Bool, bin: (Double) -> Int
  ) -> DistributionComparison {
    var current = [Double](repeating: 0, count: reference.counts.count)
    var moments = Moments()
    for value in values {
      current[bin(value)] += 1
      moments.add(value)
    }
    if isCategory { return compare(name: name, binNames, reference.counts, current) }
    let shift = Statistics.momentShift(
      reference: SampleMoments(
        count: reference.count, mean: reference.mean, variance: reference.variance),
      current: SampleMoments(
        count: moments.count, mean: moments.mean, variance: moments.variance))
    return DistributionComparison(
      name: name, binNames: binNames, reference: reference.counts, current: current, shift: shift,
      stabilityIndex: stabilityIndex(reference.counts, current),
      jensenShannon: Statistics.jensenShannonDistance(
        reference: reference.counts, current: current),
      wasserstein: Statistics.wassersteinDistance(reference.quantiles, values),
      kolmogorovSmirnov: Statistics.kolmogorovSmirnov(reference.quantiles, values),
      chiSquared: Statistics.chiSquared(reference: reference.counts, current: current))
  }

  private static func compare(
    name: String, _ bins: LearnedBins, _ values: [Double], total: Int
  ) -> DistributionComparison {
    var current = [Double](repeating: 0, count: bins.counts.count)
    var moments = Moments()
    for value in values {
      current[bins.bin(of: value)] += 1
      moments.add(value)
    }
    let shift = Statistics.momentShift(
      reference: SampleMoments(count: Double(total), mean: bins.mean, variance: bins.variance),
      current: SampleMoments(
        count: moments.count, mean: moments.mean, variance: moments.variance))
    return DistributionComparison(
      name: name, binNames: bins.binNames, reference: bins.counts, current: current, shift: shift,
      stabilityIndex: stabilityIndex(bins.counts, current),
      jensenShannon: Statistics.jensenShannonDistance(reference: bins.counts, current: current),
      wasserstein: nil, kolmogorovSmirnov: nil,
      chiSquared: Statistics.chiSquared(reference: bins.counts, current: current))
  }

  /// Bins empty on both sides say nothing and would dilute the others.
  private static func stabilityIndex(_ reference: [Double], _ current: [Double]) -> Double {
    let pairs = zip(reference, current).filter { $0 + $1 > 0 }
    guard current.reduce(0, +) > 0 else { return 0 }
    return Statistics.populationStabilityIndex(
      reference: pairs.map(\.0), current: pairs.map(\.1))
  }
}
