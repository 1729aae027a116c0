import Files
import Foundation
import JSON

extension ReferenceProfile {
  /// The name of the file beside a model.
  public static let fileName = "reference.json"
  private static let maximumBytes = 16 << 20

  /// Writes the profile as JSON, whole or not at all.
  /// - Throws: `FileError`.
  public func write(to path: String) throws {
    try OutputFile.write(serializedBytes(), to: path)
  }

  /// The file's bytes.
  public func serializedBytes() -> [UInt8] {
    let body = json
    return JSONValue.object([
      "format": "martlet-reference", "version": JSONValue(Self.version),
      "checksum": JSONValue(Self.checksum(of: body)), "profile": body,
    ]).serializedBytes(pretty: true) + [UInt8(ascii: "\n")]
  }

  /// Reads a profile.
  /// - Parameter modelChecksum: if not nil, the profile must have been made with this model.
  /// - Throws: `HealthError`.
  public static func load(
    path: String, modelChecksum: String? = nil
  ) throws(HealthError) -> ReferenceProfile {
    let bytes: [UInt8]
    do { bytes = try ByteReader.contents(of: path, limit: maximumBytes) } catch {
      throw .unreadable(path: path, reason: error.reason)
    }
    let profile = try parse(bytes, path: path)
    if let modelChecksum, modelChecksum != profile.modelChecksum {
      throw .otherModel(path: path, expected: modelChecksum, found: profile.modelChecksum)
    }
    return profile
  }

  /// Reads the bytes of a profile file; `path` is for messages alone.
  /// - Throws: `HealthError`.
  public static func parse(_ bytes: [UInt8], path: String) throws(HealthError) -> ReferenceProfile {
    guard bytes.count <= maximumBytes else { throw .malformed(path: path, what: "over 16 MiB") }
    let file: JSONValue
    do {
      file = try JSONValue(parsing: String(decoding: bytes, as: UTF8.self))
    } catch {
      throw .malformed(path: path, what: error.localizedDescription)
    }
    guard file["format"]?.stringValue == "martlet-reference" else {
      throw .malformed(path: path, what: "\"format\" is not \"martlet-reference\"")
    }
    guard let version = file["version"]?.intValue else {
      throw .malformed(path: path, what: "\"version\" is missing")
    }
    guard (oldestVersion...Self.version).contains(version) else {
      throw .unsupportedVersion(path: path, found: version)
    }
    guard let body = file["profile"] else {
      throw .malformed(path: path, what: "\"profile\" is missing")
    }
    guard file["checksum"]?.stringValue == checksum(of: body) else {
      throw .wrongChecksum(path: path)
    }
    return try read(body, path: path)
  }

  private var json: JSONValue {
    var features = JSONObject()
    for feature in Feature.allCases {
      let distribution = self.features[feature.rawValue]
      features[feature.name] = .object([
        "edges": Self.array(feature.edges), "counts": Self.array(distribution.counts),
        "mean": JSONValue(distribution.mean), "variance": JSONValue(distribution.variance),
        "quantiles": Self.array(distribution.quantiles),
      ])
    }
    var quality = JSONObject()
    for check in QualityCheck.allCases {
      quality[check.name] = JSONValue(qualityFailures[check.rawValue])
    }
    return .object([
      "model": JSONValue(modelChecksum), "labels": .array(labels.map { JSONValue($0) }),
      "count": JSONValue(count), "features": .object(features),
      "trigrams": trigrams.map { JSONValue($0.base64) } ?? .null,
      "classes": Self.array(classCounts), "confidence": Self.array(confidenceCounts),
      "mean_confidence": JSONValue(meanConfidence),
      "confidence_bins": Self.json(confidence), "entropy_bins": Self.json(entropy),
      "probabilities": .array(probabilityCounts.map(Self.array)),
      "quality": .object(quality),
      "thresholds": [
        "characters": JSONValue(thresholds.characters),
        "unknown_share": JSONValue(thresholds.unknownShare),
        "distance": thresholds.distance.isFinite ? JSONValue(thresholds.distance) : .null,
        "languages": .array(
          thresholds.languages.sorted().compactMap(Language.init(rawValue:)).map {
            JSONValue($0.name)
          }),
      ],
      "embedding": embedding.map(Self.json) ?? .null,
      "labelled": labelled.map(Self.json) ?? .null,
    ])
  }

  private static func array(_ values: [Double]) -> JSONValue {
    .array(values.map { JSONValue($0) })
  }

  private static func json(_ bins: LearnedBins) -> JSONValue {
    [
      "edges": array(bins.edges), "counts": array(bins.counts), "mean": JSONValue(bins.mean),
      "variance": JSONValue(bins.variance),
    ]
  }

  private static func json(_ embedding: EmbeddingReference) -> JSONValue {
    // A row is one string: pretty-printed numbers would take a line each.
    let rows = embedding.sample.map { row in
      JSONValue(row.map { String($0) }.joined(separator: " "))
    }
    return [
      "components": .array(embedding.components.map(json)), "distance": json(embedding.distance),
      "sample": .array(rows),
    ]
  }

  private static func json(_ labelled: Labelled) -> JSONValue {
    [
      "accuracy": JSONValue(labelled.accuracy), "count": JSONValue(labelled.count),
      "bin_counts": array(labelled.binCounts), "bin_hits": array(labelled.binHits),
      "calibration": [
        "confidences": array(labelled.calibration.confidences),
        "accuracies": array(labelled.calibration.accuracies),
      ],
      "class_errors": array(labelled.classErrors), "class_counts": array(labelled.classCounts),
    ]
  }

  private static func read(
    _ body: JSONValue, path: String
  ) throws(HealthError) -> ReferenceProfile {
    guard let model = body["model"]?.stringValue, let count = body["count"]?.intValue, count > 0,
      let labels = body["labels"]?.arrayValue?.compactMap(\.stringValue), !labels.isEmpty
    else { throw .malformed(path: path, what: "\"model\", \"labels\" or \"count\" is missing") }
    var features: [Distribution] = []
    for feature in Feature.allCases {
      let entry = body["features"]?[feature.name]
      guard entry != nil || feature != .unseenTrigramShare else {
        // A file of version 2. Without a set of trigrams production has none unseen either.
        features.append(.constant(0, of: feature, count: count))
        continue
      }
      features.append(try distribution(feature, entry, path))
    }
    var probabilities: [[Double]] = []
    for row in body["probabilities"]?.arrayValue ?? [] {
      probabilities.append(try counts(row, confidenceBinCount, path, "/profile/probabilities"))
    }
    guard probabilities.isEmpty || probabilities.count == labels.count else {
      throw .malformed(path: path, what: "/profile/probabilities needs one row for each label")
    }
    let failures = QualityCheck.allCases.map { body["quality"]?[$0.name]?.doubleValue ?? 0 }
    guard failures.allSatisfy({ $0 >= 0 && $0 <= Double(count) }) else {
      throw .malformed(path: path, what: "/profile/quality needs counts up to /profile/count")
    }
    return ReferenceProfile(
      modelChecksum: model, labels: labels, count: count, features: features,
      trigrams: try trigrams(body["trigrams"], path),
      classCounts: try counts(body["classes"], labels.count, path, "/profile/classes"),
      confidenceCounts: try counts(
        body["confidence"], confidenceBinCount, path, "/profile/confidence"),
      meanConfidence: body["mean_confidence"]?.doubleValue ?? 0,
      confidence: try bins(body["confidence_bins"], path, "/profile/confidence_bins"),
      entropy: try bins(body["entropy_bins"], path, "/profile/entropy_bins"),
      probabilityCounts: probabilities, qualityFailures: failures,
      thresholds: thresholds(body["thresholds"]), embedding: try embedding(body["embedding"], path),
      labelled: try labelled(body["labelled"], labels.count, path))
  }

  private static func distribution(
    _ feature: Feature, _ entry: JSONValue?, _ path: String
  ) throws(HealthError) -> Distribution {
    let at = "/profile/features/\(feature.name)"
    guard let entry else { throw .malformed(path: path, what: "\(at) is missing") }
    guard numbers(entry["edges"]) == feature.edges else {
      throw .malformed(path: path, what: "\(at)/edges are not this program's bins")
    }
    return Distribution(
      counts: try counts(entry["counts"], feature.binCount, path, "\(at)/counts"),
      mean: entry["mean"]?.doubleValue ?? 0, variance: entry["variance"]?.doubleValue ?? 0,
      quantiles: Array(numbers(entry["quantiles"]).prefix(Distribution.quantileLimit)).sorted())
  }

  private static func trigrams(
    _ value: JSONValue?, _ path: String
  ) throws(HealthError) -> TrigramSet? {
    guard let value, !value.isNull else { return nil }
    guard let set = value.stringValue.flatMap(TrigramSet.init(base64:)) else {
      throw .malformed(
        path: path, what: "/profile/trigrams needs \(TrigramSet.bucketCount / 8) bytes in base64")
    }
    return set
  }

  private static func numbers(_ value: JSONValue?) -> [Double] {
    value?.arrayValue?.compactMap(\.doubleValue) ?? []
  }

  private static func bins(
    _ value: JSONValue?, _ path: String, _ at: String
  ) throws(HealthError) -> LearnedBins {
    let edges = numbers(value?["edges"])
    guard edges.count < 1024, zip(edges, edges.dropFirst()).allSatisfy({ $0 < $1 }) else {
      throw .malformed(path: path, what: "\(at)/edges do not ascend")
    }
    return LearnedBins(
      edges: edges, counts: try counts(value?["counts"], edges.count + 1, path, "\(at)/counts"),
      mean: value?["mean"]?.doubleValue ?? 0,
      variance: max(0, value?["variance"]?.doubleValue ?? 0))
  }

  private static func thresholds(_ value: JSONValue?) -> QualityThresholds {
    var thresholds = QualityThresholds()
    thresholds.characters = value?["characters"]?.doubleValue ?? .infinity
    thresholds.unknownShare = value?["unknown_share"]?.doubleValue ?? .infinity
    thresholds.distance = value?["distance"]?.doubleValue ?? .infinity
    let names = Set(value?["languages"]?.arrayValue?.compactMap(\.stringValue) ?? [])
    thresholds.languages = Set(
      Language.allCases.filter { names.contains($0.name) }.map(\.rawValue))
    return thresholds
  }

  private static func embedding(
    _ value: JSONValue?, _ path: String
  ) throws(HealthError) -> EmbeddingReference? {
    guard let value, !value.isNull else { return nil }
    var components: [LearnedBins] = []
    for entry in value["components"]?.arrayValue ?? [] {
      components.append(try bins(entry, path, "/profile/embedding/components"))
    }
    let sample = (value["sample"]?.arrayValue ?? []).compactMap(\.stringValue).map { row in
      row.split(separator: " ").compactMap { Float($0) }
    }
    guard !components.isEmpty, components.count <= 1024,
      sample.count <= EmbeddingReference.sampleLimit,
      sample.allSatisfy({ $0.count == components.count })
    else {
      throw .malformed(path: path, what: "/profile/embedding: rows and components do not fit")
    }
    return EmbeddingReference(
      components: components, distance: try bins(value["distance"], path, "/profile/embedding"),
      sample: sample)
  }

  private static func labelled(
    _ value: JSONValue?, _ classes: Int, _ path: String
  ) throws(HealthError) -> Labelled? {
    guard let value, !value.isNull else { return nil }
    let confidences = numbers(value["calibration"]?["confidences"])
    let accuracies = numbers(value["calibration"]?["accuracies"])
    guard let accuracy = value["accuracy"]?.doubleValue, let count = value["count"]?.intValue,
      count > 0, (0...1).contains(accuracy), !confidences.isEmpty,
      confidences.count == accuracies.count,
      zip(confidences, confidences.dropFirst()).allSatisfy({ $0 <= $1 }),
      accuracies.allSatisfy({ (0...1).contains($0) })
    else { throw .malformed(path: path, what: "/profile/labelled is not a calibration") }
    let at = "/profile/labelled"
    return Labelled(
      accuracy: accuracy, count: count,
      binCounts: try counts(value["bin_counts"], confidenceBinCount, path, at),
      binHits: try counts(value["bin_hits"], confidenceBinCount, path, at),
      calibration: ConfidenceCalibration(confidences: confidences, accuracies: accuracies),
      classErrors: try counts(value["class_errors"], classes, path, at),
      classCounts: try counts(value["class_counts"], classes, path, at))
  }

  private static func counts(
    _ value: JSONValue?, _ expected: Int, _ path: String, _ at: String
  ) throws(HealthError) -> [Double] {
    guard let counts = value?.arrayValue?.compactMap(\.doubleValue), counts.count == expected,
      counts.allSatisfy({ $0 >= 0 && $0 <= 1e15 })
    else { throw .malformed(path: path, what: "\(at) needs \(expected) counts from 0 up") }
    return counts
  }

  /// FNV-1a, 64 bits, over the body with sorted keys: it finds damage and careless edits, not forgery.
  private static func checksum(of body: JSONValue) -> String {
    hex(fnv1a(body.serializedBytes(sortedKeys: true)))
  }

  /// Identifies a file of weights.
  /// - Throws: `HealthError.unreadable`.
  public static func checksum(ofFile path: String) throws(HealthError) -> String {
    do {
      return hex(fnv1a(try Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped)))
    } catch {
      throw .unreadable(path: path, reason: FileError.words(of: error))
    }
  }

  /// Checks that the profile, read from `path`, was made with these weights.
  /// - Throws: `HealthError.otherModel`, `HealthError.unreadable`.
  public func check(weights: String, path: String) throws(HealthError) {
    let found = try Self.checksum(ofFile: weights)
    guard found == modelChecksum else {
      throw .otherModel(path: path, expected: found, found: modelChecksum)
    }
  }

  private static func fnv1a(_ bytes: some Sequence<UInt8>) -> UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    return hash
  }

  private static func hex(_ hash: UInt64) -> String {
    let digits = String(hash, radix: 16)
    return "fnv1a64:" + String(repeating: "0", count: 16 - digits.count) + digits
  }
}

extension ReferenceProfile.Distribution {
  /// Of `count` texts that all have the same value.
  static func constant(_ value: Double, of feature: Feature, count: Int) -> Self {
    var counts = [Double](repeating: 0, count: feature.binCount)
    counts[feature.bin(of: value)] = Double(count)
    return Self(counts: counts, mean: value, variance: 0, quantiles: [value])
  }
}
