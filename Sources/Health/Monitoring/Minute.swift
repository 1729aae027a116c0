import JSON

/// What happened in one minute: the grain of history. Minutes add up to windows of any length.
public struct Minute: Sendable, Equatable {
  /// Bins of latency: below 0.25 ms, below 0.5 ms, and so on, doubling.
  public static let latencyBinCount = 20
  /// When it began, in seconds since 1970, a multiple of 60.
  public var start: Int64
  /// Texts predicted.
  public var texts = 0.0
  /// Texts in each bin of each feature.
  public var features: [[Double]]
  /// Texts by predicted class.
  public var classes: [Double]
  /// Texts by bin of confidence.
  public var confidence: [Double]
  /// The confidences added up.
  public var confidenceSum = 0.0
  /// The entropies' shares of the largest possible added up.
  public var entropySum = 0.0
  /// The chances of being right, as calibrated, added up; nil without a calibration.
  public var estimatedRight = 0.0
  /// Failures of each check.
  public var quality: [Double]
  /// Texts by bin of latency.
  public var latency: [Double]
  /// True labels that came.
  public var labelled = 0.0
  /// Of them, those that the model had right.
  public var right = 0.0
  /// Answers by the first digit of their status, index 0 for 1xx.
  public var statuses: [Double]
  /// Events that workers dropped.
  public var dropped = 0.0
  /// Share of one core that the pool used.
  public var processor = 0.0
  /// Bytes of memory that belong to the pool (PSS).
  public var memory = 0.0

  /// An empty minute of a model with so many classes.
  public init(start: Int64, classCount: Int) {
    self.start = start
    features = Feature.allCases.map { [Double](repeating: 0, count: $0.binCount) }
    classes = [Double](repeating: 0, count: classCount)
    confidence = [Double](repeating: 0, count: ReferenceProfile.confidenceBinCount)
    quality = [Double](repeating: 0, count: QualityCheck.allCases.count)
    latency = [Double](repeating: 0, count: Self.latencyBinCount)
    statuses = [Double](repeating: 0, count: 5)
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
    func plus(_ a: [Double], _ b: [Double]) -> [Double] {
      a.count == b.count ? zip(a, b).map(+) : a
    }
    texts += other.texts
    features = zip(features, other.features).map(plus)
    classes = plus(classes, other.classes)
    confidence = plus(confidence, other.confidence)
    confidenceSum += other.confidenceSum
    entropySum += other.entropySum
    estimatedRight += other.estimatedRight
    quality = plus(quality, other.quality)
    latency = plus(latency, other.latency)
    labelled += other.labelled
    right += other.right
    statuses = plus(statuses, other.statuses)
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
    for index in features.indices { fill(&features[index], json["features"]?[index]) }
    fill(&classes, json["classes"])
    fill(&confidence, json["confidence"])
    fill(&quality, json["quality"])
    fill(&latency, json["latency"])
    fill(&statuses, json["statuses"])
    var sums = [Double](repeating: 0, count: 5)
    fill(&sums, json["sums"])
    (confidenceSum, entropySum, estimatedRight) = (sums[0], sums[1], sums[2])
    (processor, memory) = (sums[3], sums[4])
    var counts = [Double](repeating: 0, count: 3)
    fill(&counts, json["labels"])
    (labelled, right, dropped) = (counts[0], counts[1], counts[2])
  }
}
