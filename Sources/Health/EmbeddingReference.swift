/// What the model's embeddings looked like on the reference: every component's distribution, the distance from the centre,
/// and a sample for tests that need whole vectors.
public struct EmbeddingReference: Sendable, Equatable {
  /// Rows kept of the sample at most.
  public static let sampleLimit = 384

  /// One for each component of the projected embedding.
  public let components: [LearnedBins]
  /// Of the distance from the centre.
  public let distance: LearnedBins
  /// Some of the reference's vectors, evenly spread over it.
  public let sample: [[Float]]

  // The components' means and variances side by side, because every event asks for them.
  private let means: [Double]
  private let variances: [Double]

  init(components: [LearnedBins], distance: LearnedBins, sample: [[Float]]) {
    (self.components, self.distance, self.sample) = (components, distance, sample)
    (means, variances) = (components.map(\.mean), components.map(\.variance))
  }

  /// Of these vectors, all of one dimension.
  /// - Returns: nil where there are none, or they have no components.
  public init?(_ vectors: [[Float]]) {
    guard let width = vectors.first?.count, width > 0 else { return nil }
    let components = (0..<width).map { index in
      LearnedBins(vectors.map { Double($0[index]) })
    }
    let (means, variances) = (components.map(\.mean), components.map(\.variance))
    let step = max(1, (vectors.count + Self.sampleLimit - 1) / Self.sampleLimit)
    self.init(
      components: components,
      distance: LearnedBins(vectors.map { Self.distance($0, means, variances) }),
      sample: stride(from: 0, to: vectors.count, by: step).map { row in
        vectors[row].map { Float(LearnedBins.rounded(Double($0))) }
      })
  }

  /// How far a vector is from the reference's centre: the root mean square of its components in standard deviations.
  public func distance(of vector: [Float]) -> Double { Self.distance(vector, means, variances) }

  private static func distance(
    _ vector: [Float], _ means: [Double], _ variances: [Double]
  ) -> Double {
    guard vector.count == means.count, !vector.isEmpty else { return 0 }
    var sum = 0.0
    for index in vector.indices where variances[index] > 0 {
      let difference = Double(vector[index]) - means[index]
      sum += difference * difference / variances[index]
    }
    return (sum / Double(vector.count)).squareRoot()
  }
}
