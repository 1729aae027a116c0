/// Which values of a text the drift detector follows, and in which bins.
public struct StreamLayout: Sendable {
  private let reference: ReferenceProfile
  private let componentCount: Int

  /// The streams of a model with this reference.
  public init(_ reference: ReferenceProfile) {
    self.reference = reference
    componentCount = reference.embedding?.components.count ?? 0
  }

  /// The streams with their share of the bets. Predictions have two fifths, because they are what users see. Of the input,
  /// unseen trigrams and non-printable characters have most: texts of another kind and damaged ones show there first.
  public var streams: [AnytimeDetector.Stream] {
    let hasEmbedding = componentCount > 0
    let share = hasEmbedding ? 0.42 : 0.6
    var streams = Feature.allCases.map { feature in
      let weight =
        switch feature {
        case .unseenTrigramShare: 0.44
        case .nonPrintableShare: 0.16
        default: 0.4 / Double(Feature.allCases.count - 2)
        }
      return AnytimeDetector.Stream(
        name: feature.name, reference: reference.features[feature.rawValue].counts,
        weight: share * weight)
    }
    streams.append(.init(name: "class", reference: reference.classCounts, weight: 0.28))
    streams.append(.init(name: "confidence", reference: reference.confidence.counts, weight: 0.1))
    streams.append(.init(name: "entropy", reference: reference.entropy.counts, weight: 0.02))
    guard let embedding = reference.embedding else { return streams }
    streams.append(
      .init(name: "embedding_distance", reference: embedding.distance.counts, weight: 0.06))
    for (index, component) in embedding.components.enumerated() {
      streams.append(
        .init(
          name: "embedding_\(index)", reference: component.counts,
          weight: 0.12 / Double(componentCount)))
    }
    return streams
  }

  /// The bins of one prediction, in the streams' order; −1 where it has no such value.
  public func bins(of record: PredictionRecord) -> [Int] {
    var bins: [Int] = []
    bins.reserveCapacity(Feature.allCases.count + 4 + componentCount)
    for feature in Feature.allCases {
      let has = record.features.count > feature.rawValue
      bins.append(has ? feature.bin(of: Double(record.features[feature.rawValue])) : -1)
    }
    bins.append(record.predicted < reference.classCounts.count ? record.predicted : -1)
    bins.append(reference.confidence.bin(of: record.confidence))
    bins.append(reference.entropy.bin(of: ReferenceProfile.entropyShare(record.probabilities)))
    guard let embedding = reference.embedding else { return bins }
    guard record.embedding.count == componentCount else {
      return bins + [Int](repeating: -1, count: componentCount + 1)
    }
    bins.append(embedding.distance.bin(of: embedding.distance(of: record.embedding)))
    for (component, value) in zip(embedding.components, record.embedding) {
      bins.append(component.bin(of: Double(value)))
    }
    return bins
  }
}
