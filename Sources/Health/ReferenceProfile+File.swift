import Foundation
import JSON

extension ReferenceProfile {
  /// The name of the file beside a model.
  public static let fileName = "reference.json"
  private static let maximumBytes = 16 << 20

  /// Writes the profile as JSON, whole or not at all.
  /// - Throws: `HealthError.unwritable`.
  public func write(to path: String) throws(HealthError) {
    do {
      try Data(serializedBytes()).write(to: URL(fileURLWithPath: path), options: .atomic)
    } catch {
      throw .unwritable(path: path, reason: error.localizedDescription)
    }
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
    let data: Data
    do {
      data = try Data(contentsOf: URL(fileURLWithPath: path))
    } catch {
      throw .unreadable(path: path, reason: error.localizedDescription)
    }
    let profile = try parse(Array(data), path: path)
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
    guard version == Self.version else { throw .unsupportedVersion(path: path, found: version) }
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
      ])
    }
    return .object([
      "model": JSONValue(modelChecksum), "labels": .array(labels.map { JSONValue($0) }),
      "count": JSONValue(count), "features": .object(features),
      "classes": Self.array(classCounts), "confidence": Self.array(confidenceCounts),
      "mean_confidence": JSONValue(meanConfidence),
    ])
  }

  private static func array(_ values: [Double]) -> JSONValue {
    .array(values.map { JSONValue($0) })
  }

  private static func read(
    _ body: JSONValue, path: String
  ) throws(HealthError) -> ReferenceProfile {
    guard let model = body["model"]?.stringValue, let count = body["count"]?.intValue, count > 0,
      let labels = body["labels"]?.arrayValue?.compactMap(\.stringValue), !labels.isEmpty
    else { throw .malformed(path: path, what: "\"model\", \"labels\" or \"count\" is missing") }
    var features: [Distribution] = []
    for feature in Feature.allCases {
      let at = "/profile/features/\(feature.name)"
      guard let entry = body["features"]?[feature.name] else {
        throw .malformed(path: path, what: "\(at) is missing")
      }
      guard entry["edges"]?.arrayValue?.compactMap(\.doubleValue) == feature.edges else {
        throw .malformed(path: path, what: "\(at)/edges are not this program's bins")
      }
      features.append(
        Distribution(
          counts: try counts(entry["counts"], feature.binCount, path, "\(at)/counts"),
          mean: entry["mean"]?.doubleValue ?? 0, variance: entry["variance"]?.doubleValue ?? 0))
    }
    return ReferenceProfile(
      modelChecksum: model, labels: labels, count: count, features: features,
      classCounts: try counts(body["classes"], labels.count, path, "/profile/classes"),
      confidenceCounts: try counts(
        body["confidence"], confidenceBinCount, path, "/profile/confidence"),
      meanConfidence: body["mean_confidence"]?.doubleValue ?? 0)
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
      throw .unreadable(path: path, reason: error.localizedDescription)
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
