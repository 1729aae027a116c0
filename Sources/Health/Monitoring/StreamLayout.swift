/// Which values of a text the drift detector follows, and in which bins.
public struct StreamLayout: Sendable {
  private let reference: ReferenceProfile
  private let componentCount: Int

  /// The streams of a model with this reference.
  public init(_ reference: ReferenceProfile) {
    self.reference = reference
    componentCount = reference.embedding?.components.count ?? 0
  }

  /// The streams with their share of the bets: two fifths on predictions, because they are what users see; the rest on the
  /// input.
  public var streams: [AnytimeDetector.Stream] {
    let hasEmbedding = componentCount > 0
    let featureWeight = (hasEmbedding ? 0.36 : 0.6) / Double(Feature.allCases.count)
    var streams = Feature.allCases.map {
      AnytimeDetector.Stream(
        name: $0.name, reference: reference.features[$0.rawValue].counts, weight: featureWeight)
    }
    streams.append(.init(name: "class", reference: reference.classCounts, weight: 0.28))
    streams.append(.init(name: "confidence", reference: reference.confidence.counts, weight: 0.1))
    streams.append(.init(name: "entropy", reference: reference.entropy.counts, weight: 0.02))
    guard let embedding = reference.embedding else { return streams }
    streams.append(
      .init(name: "embedding_distance", reference: embedding.distance.counts, weight: 0.08))
    for (index, component) in embedding.components.enumerated() {
      streams.append(
        .init(
          name: "embedding_\(index)", reference: component.counts,
          weight: 0.16 / Double(componentCount)))
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
