import Foundation

extension ReferenceProfile {
  /// Gathers a profile text by text.
  public struct Builder: Sendable {
    private struct Row: Sendable {
      let features: FeatureValues
      let probabilities: [Float]
      let embedding: [Float]
      let isTruncated: Bool
      let label: Int?
      let predicted: Int
    }

    private let labels: [String]
    private var rows: [Row] = []
    private var texts: [String] = []
    private var others: [(features: FeatureValues, text: String)] = []

    /// An empty profile of a model with these classes.
    public init(labels: [String]) {
      self.labels = labels
    }

    /// Takes in one text.
    /// - Parameters:
    ///   - text: the text itself, for its trigrams; either all rows have one or none.
    ///   - probabilities: what the model gave, one for each label.
    ///   - embedding: the projected embedding; empty where the model gives none.
    ///   - label: the class that is right, where it is known.
    public mutating func add(
      _ features: FeatureValues, text: String? = nil, probabilities: [Float],
      embedding: [Float] = [], isTruncated: Bool = false, label: Int? = nil
    ) {
      precondition(probabilities.count == labels.count, "one probability for each label")
      let highest = probabilities.max() ?? 0
      rows.append(
        Row(
          features: features, probabilities: probabilities, embedding: embedding,
          isTruncated: isTruncated, label: label,
          predicted: probabilities.firstIndex(of: highest) ?? 0))
      if let text { texts.append(text) }
    }

    /// Takes in a text that the model was trained on: what it predicts there says nothing of production, but how such texts
    /// are written does. A larger reference finds a change sooner.
    public mutating func add(trainingText text: String) {
      others.append((FeatureValues(text: text, tokenCount: 0, unknownTokenCount: 0), text))
    }

    /// The profile of all that was added.
    /// - Parameter modelChecksum: what identifies the weights; checked when the profile is loaded beside a model.
    /// - Throws: `HealthError.emptyProfile`.
    public func build(modelChecksum: String = "") throws(HealthError) -> ReferenceProfile {
      guard !rows.isEmpty else { throw .emptyProfile }
      let bins = confidenceBinCount
      let confidences = rows.map { Double($0.probabilities.max() ?? 0) }
      var confidenceCounts = [Double](repeating: 0, count: bins)
      var classCounts = [Double](repeating: 0, count: labels.count)
      for (row, confidence) in zip(rows, confidences) {
        confidenceCounts[confidenceBin(of: confidence)] += 1
        if row.predicted < labels.count { classCounts[row.predicted] += 1 }
      }
      // Rows without their texts have no share to be ranked among.
      let halves =
        texts.count == rows.count ? TrigramSet.halves(of: texts + others.map(\.text)) : nil
      let features = Feature.allCases.map { distribution($0, halves?.shares.compactMap { $0 }) }
      let embedding = EmbeddingReference(rows.map(\.embedding).filter { !$0.isEmpty })
      let thresholds = thresholds(features, embedding)
      return ReferenceProfile(
        modelChecksum: modelChecksum, labels: labels, count: rows.count, features: features,
        trigrams: halves?.set,
        classCounts: classCounts, confidenceCounts: confidenceCounts,
        meanConfidence: LearnedBins.rounded(confidences.reduce(0, +) / Double(rows.count)),
        confidence: LearnedBins(confidences),
        entropy: LearnedBins(rows.map { entropyShare($0.probabilities) }),
        probabilityCounts: probabilityCounts(), qualityFailures: failures(thresholds, embedding),
        thresholds: thresholds, embedding: embedding, labelled: labelled(confidences))
    }

    private func distribution(_ feature: Feature, _ unseen: [Double]?) -> Distribution {
      var counts = [Double](repeating: 0, count: feature.binCount)
      var moments = Moments()
      var values = rows.map { $0.features[feature] }
      if feature.isOfTextAlone { values += others.map { $0.features[feature] } }
      if feature == .unseenTrigramShare, let unseen { values = unseen }
      values.sort()
      for value in values {
        counts[feature.bin(of: value)] += 1
        moments.add(value)
      }
      return Distribution(
        counts: counts, mean: LearnedBins.rounded(moments.mean),
        variance: LearnedBins.rounded(moments.variance),
        quantiles: Self.evenly(values, Distribution.quantileLimit).map(LearnedBins.rounded))
    }

    /// Values at evenly spaced ranks, both ends among them.
    private static func evenly(_ sorted: [Double], _ limit: Int) -> [Double] {
      guard sorted.count > limit else { return sorted }
      return (0..<limit).map { sorted[$0 * (sorted.count - 1) / (limit - 1)] }
    }

    private func thresholds(
      _ features: [Distribution], _ embedding: EmbeddingReference?
    ) -> QualityThresholds {
      func quantile(_ values: [Double], _ share: Double) -> Double {
        let sorted = values.sorted()
        return sorted[min(sorted.count - 1, Int(share * Double(sorted.count)))]
      }
      var thresholds = QualityThresholds()
      // A tenth above, so that the longest of a small reference is no outlier's bound itself.
      thresholds.characters = LearnedBins.rounded(
        quantile(rows.map { $0.features[.characters] }, 0.999) * 1.1)
      thresholds.unknownShare = LearnedBins.rounded(
        quantile(rows.map { $0.features[.unknownTokenShare] }, 0.99))
      if let embedding {
        let distances = rows.filter { !$0.embedding.isEmpty }.map {
          embedding.distance(of: $0.embedding)
        }
        thresholds.distance = LearnedBins.rounded(quantile(distances, 0.999) * 1.1)
      }
      let counts = features[Feature.language.rawValue].counts
      thresholds.languages = Set(
        counts.indices.filter { counts[$0] >= 0.01 * Double(rows.count) })
      return thresholds
    }

    private func failures(
      _ thresholds: QualityThresholds, _ embedding: EmbeddingReference?
    ) -> [Double] {
      var recent = RecentTexts()
      return QualityCheck.counts(
        rows.map { row in
          thresholds.mask(
            features: row.features.values,
            distance: row.embedding.isEmpty ? nil : embedding?.distance(of: row.embedding),
            isTruncated: row.isTruncated, likeness: recent.add(row.features.fingerprint))
        })
    }

    private func probabilityCounts() -> [[Double]] {
      guard labels.count <= classDistributionLimit else { return [] }
      var counts = [[Double]](
        repeating: [Double](repeating: 0, count: confidenceBinCount), count: labels.count)
      for row in rows {
        for (index, value) in row.probabilities.enumerated() {
          counts[index][confidenceBin(of: Double(value))] += 1
        }
      }
      return counts
    }

    private func labelled(_ confidences: [Double]) -> Labelled? {
      let bins = confidenceBinCount
      var (counts, hits) = (
        [Double](repeating: 0, count: bins), [Double](repeating: 0, count: bins)
      )
      var classErrors = [Double](repeating: 0, count: labels.count)
      var classCounts = classErrors
      var (known, isCorrect): ([Double], [Bool]) = ([], [])
      for (row, confidence) in zip(rows, confidences) {
        guard let label = row.label, labels.indices.contains(label) else { continue }
        let isRight = row.predicted == label
        known.append(confidence)
        isCorrect.append(isRight)
        counts[confidenceBin(of: confidence)] += 1
        classCounts[label] += 1
        if isRight { hits[confidenceBin(of: confidence)] += 1 } else { classErrors[label] += 1 }
      }
      guard let calibration = ConfidenceCalibration(confidences: known, isCorrect: isCorrect)
      else { return nil }
      let right = Double(isCorrect.count { $0 })
      return Labelled(
        accuracy: LearnedBins.rounded(right / Double(known.count)), count: known.count,
        binCounts: counts, binHits: hits,
        calibration: ConfidenceCalibration(
          confidences: calibration.confidences.map(LearnedBins.rounded),
          accuracies: calibration.accuracies.map(LearnedBins.rounded)),
        classErrors: classErrors, classCounts: classCounts)
    }
  }
}
