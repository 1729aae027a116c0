import JSON

/// What happened in one minute: the grain of history. Minutes add up to windows of any length.
public struct Minute: Sendable, Equatable {
  /// Bins of latency: below 0.25 ms, below 0.5 ms, and so on, doubling.
  public static let latencyBinCount = 20
  /// When it began, in seconds since 1970, a multiple of 60.
  public var start: Int64
  /// Texts predicted.
  public var texts = 0.0
  /// The confidences added up.
  public var confidenceSum = 0.0
  /// The entropies' shares of the largest possible added up.
  public var entropySum = 0.0
  /// The chances of being right, as calibrated, added up; 0 without a calibration.
  public var estimatedRight = 0.0
  /// True labels that came.
  public var labelled = 0.0
  /// Of them, those that the model had right.
  public var right = 0.0
  /// Events that workers dropped.
  public var dropped = 0.0
  /// Share of one core that the pool used.
  public var processor = 0.0
  /// Bytes of memory that belong to the pool (PSS).
  public var memory = 0.0

  // Everything that is counted stands in one array, because every event adds to a dozen places of it.
  private var counts: [Double]

  private enum Part {
    static let featureStarts: [Int] = Feature.allCases.indices.map { index in
      Feature.allCases[..<index].reduce(0) { $0 + $1.binCount }
    }
    static let confidence = Feature.allCases.reduce(0) { $0 + $1.binCount }
    static let quality = confidence + ReferenceProfile.confidenceBinCount
    static let latency = quality + QualityCheck.allCases.count
    static let statuses = latency + latencyBinCount
    static let classes = statuses + 5
  }

  /// An empty minute of a model with so many classes.
  public init(start: Int64, classCount: Int) {
    self.start = start
    counts = [Double](repeating: 0, count: Part.classes + classCount)
  }

  private subscript(range: Range<Int>) -> [Double] {
    get { Array(counts[range]) }
    set { for (place, value) in zip(range, newValue) { counts[place] = value } }
  }

  /// Texts in each bin of each feature.
  public var features: [[Double]] {
    Feature.allCases.map { self[Part.featureStarts[$0.rawValue]..<end(of: $0)] }
  }

  private func end(of feature: Feature) -> Int {
    Part.featureStarts[feature.rawValue] + feature.binCount
  }

  /// Texts by bin of confidence.
  public var confidence: [Double] { self[Part.confidence..<Part.quality] }
  /// Failures of each check.
  public var quality: [Double] { self[Part.quality..<Part.latency] }
  /// Texts by bin of latency.
  public var latency: [Double] { self[Part.latency..<Part.statuses] }
  /// Answers by the first digit of their status, index 0 for 1xx.
  public var statuses: [Double] { self[Part.statuses..<Part.classes] }
  /// Texts by predicted class.
  public var classes: [Double] {
    get { self[Part.classes..<counts.count] }
    set { self[Part.classes..<counts.count] = newValue }
  }

  /// Counts one prediction.
  /// - Parameters:
  ///   - failures: the checks that it fails, as bits.
  ///   - estimatedRight: the chance that it is right, as calibrated.
  mutating func add(_ record: PredictionRecord, failures: UInt16, estimatedRight: Double) {
    let confidence = record.confidence
    texts += 1
    confidenceSum += confidence
    entropySum += ReferenceProfile.entropyShare(record.probabilities)
    self.estimatedRight += estimatedRight
    for feature in Feature.allCases where record.features.count > feature.rawValue {
      let bin = feature.bin(of: Double(record.features[feature.rawValue]))
      counts[Part.featureStarts[feature.rawValue] + bin] += 1
    }
    if record.predicted < counts.count - Part.classes {
      counts[Part.classes + record.predicted] += 1
    }
    counts[Part.confidence + ReferenceProfile.confidenceBin(of: confidence)] += 1
    counts[Part.latency + Self.latencyBin(record.latency)] += 1
    var failures = failures
    while failures != 0 {
      counts[Part.quality + failures.trailingZeroBitCount] += 1
      failures &= failures - 1
    }
  }

  /// Counts answers by the first digit of their status, index 0 for 1xx.
  mutating func add(statuses: [Double]) {
    for (place, count) in statuses.prefix(5).enumerated() { counts[Part.statuses + place] += count }
  }

  /// The bin of a latency in microseconds.
  public static func latencyBin(_ microseconds: UInt32) -> Int {
    var (bin, bound) = (0, UInt32(250))
    while microseconds >= bound, bin < latencyBinCount - 1 {
      bin += 1
      bound = bound > .max / 2 ? .max : bound * 2
    }
    return bin
  }

  /// The upper bound of a latency bin in milliseconds.
  public static func latencyBound(_ bin: Int) -> Double { 0.25 * Double(1 << bin) }

  /// The latency in milliseconds that a share of the texts does not exceed, interpolated within its bin; nil without texts.
  public func latencyQuantile(_ share: Double) -> Double? {
    let total = latency.reduce(0, +)
    guard total > 0 else { return nil }
    var left = share * total
    for (bin, count) in latency.enumerated() where count > 0 {
      let low = bin == 0 ? 0 : Self.latencyBound(bin - 1)
      if left <= count { return low + (Self.latencyBound(bin) - low) * left / count }
      left -= count
    }
    return Self.latencyBound(Self.latencyBinCount - 1)
  }

  /// Adds another minute's counts; gauges keep the larger.
  public mutating func add(_ other: Minute) {
    texts += other.texts
    if counts.count == other.counts.count {
      for place in counts.indices { counts[place] += other.counts[place] }
    }
    confidenceSum += other.confidenceSum
    entropySum += other.entropySum
    estimatedRight += other.estimatedRight
    labelled += other.labelled
    right += other.right
    dropped += other.dropped
    processor = max(processor, other.processor)
    memory = max(memory, other.memory)
  }
}

extension Minute {
  /// As the store has it; lists without their zeros at the end.
  public var json: JSONValue {
    func list(_ values: [Double]) -> JSONValue {
      let last = values.lastIndex { $0 != 0 } ?? -1
      return .array(values.prefix(last + 1).map { JSONValue(Int($0)) })
    }
    return [
      "texts": JSONValue(Int(texts)), "features": .array(features.map(list)),
      "classes": list(classes), "confidence": list(confidence),
      "sums": [
        JSONValue(confidenceSum), JSONValue(entropySum), JSONValue(estimatedRight),
        JSONValue(processor), JSONValue(memory),
      ],
      "quality": list(quality), "latency": list(latency), "statuses": list(statuses),
      "labels": [JSONValue(Int(labelled)), JSONValue(Int(right)), JSONValue(Int(dropped))],
    ]
  }

  /// Reads what `json` wrote; lists of another program's length are cut or filled with zeros.
  public init(start: Int64, classCount: Int, json: JSONValue) {
    self.init(start: start, classCount: classCount)
    func fill(_ list: inout [Double], _ value: JSONValue?) {
      for (index, item) in (value?.arrayValue ?? []).prefix(list.count).enumerated() {
        list[index] = item.doubleValue ?? 0
      }
    }
    texts = json["texts"]?.doubleValue ?? 0
    for feature in Feature.allCases {
      fill(
        &self[Part.featureStarts[feature.rawValue]..<end(of: feature)],
        json["features"]?[feature.rawValue])
    }
    fill(&self[Part.classes..<counts.count], json["classes"])
    fill(&self[Part.confidence..<Part.quality], json["confidence"])
    fill(&self[Part.quality..<Part.latency], json["quality"])
    fill(&self[Part.latency..<Part.statuses], json["latency"])
    fill(&self[Part.statuses..<Part.classes], json["statuses"])
    var sums = [Double](repeating: 0, count: 5)
    fill(&sums, json["sums"])
    (confidenceSum, entropySum, estimatedRight) = (sums[0], sums[1], sums[2])
    (processor, memory) = (sums[3], sums[4])
    var counts = [Double](repeating: 0, count: 3)
    fill(&counts, json["labels"])
    (labelled, right, dropped) = (counts[0], counts[1], counts[2])
  }
}
