/// Bins that hold about the same share of a reference sample each, for values whose range is not known beforehand.
public struct LearnedBins: Sendable, Equatable {
  /// Lower bounds of all bins but the first, ascending.
  public let edges: [Double]
  /// The reference's count in each bin; one more than edges.
  public let counts: [Double]
  /// The reference's mean.
  public let mean: Double
  /// The reference's variance.
  public let variance: Double

  /// The bins as a file has them.
  init(edges: [Double], counts: [Double], mean: Double, variance: Double) {
    (self.edges, self.counts, self.mean, self.variance) = (edges, counts, mean, variance)
  }

  /// At most `count` bins with the sample's quantiles as edges; fewer where many values are equal.
  public init(_ values: [Double], count: Int = 16) {
    let sorted = values.filter { !$0.isNaN }.sorted()
    var edges: [Double] = []
    for index in 1..<count where !sorted.isEmpty {
      // Few digits, so that the file stays small and reads back the same.
      let edge = Self.rounded(sorted[index * sorted.count / count])
      if edge > (edges.last ?? -.infinity), edge > sorted[0] { edges.append(edge) }
    }
    var moments = Moments()
    var counts = [Double](repeating: 0, count: edges.count + 1)
    for value in sorted {
      moments.add(value)
      counts[Self.bin(of: value, edges)] += 1
    }
    self.init(
      edges: edges, counts: counts, mean: Self.rounded(moments.mean),
      variance: Self.rounded(moments.variance))
  }

  /// The bin of a value.
  public func bin(of value: Double) -> Int { Self.bin(of: value, edges) }

  private static func bin(of value: Double, _ edges: [Double]) -> Int {
    edges.firstIndex { value < $0 } ?? edges.count
  }

  /// Five significant digits.
  static func rounded(_ value: Double) -> Double {
    guard value != 0, value.isFinite else { return 0 }
    var scale = 1.0
    while abs(value) * scale < 10_000 { scale *= 10 }
    while abs(value) * scale >= 100_000 { scale /= 10 }
    return (value * scale).rounded() / scale
  }

  /// What each bin holds, for people.
  public var binNames: [String] {
    guard let first = edges.first, let last = edges.last else { return ["all"] }
    return ["< \(first)"] + zip(edges, edges.dropFirst()).map { "\($0)–\($1)" } + ["≥ \(last)"]
  }
}
