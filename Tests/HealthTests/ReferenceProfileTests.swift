import Foundation
import Health
import Testing

@Suite("Reference profile and features")
struct ReferenceProfileTests {
  private func profile() throws -> ReferenceProfile {
    var builder = ReferenceProfile.Builder(labels: ["ham", "spam"])
    for index in 0..<50 {
      let text = String(repeating: "win 100 NOW ", count: 1 + index % 7)
      builder.add(
        FeatureValues(text: text, tokenCount: 3 + index % 11, unknownTokenCount: index % 2),
        probabilities: index % 3 == 0 ? [0.9, 0.1] : [0.25, 0.75])
    }
    return try builder.build(modelChecksum: "abc")
  }

  @Test("a profile reads back as it was written")
  func roundTrip() throws {
    let profile = try profile()
    let path = NSTemporaryDirectory() + "martlet-\(UUID().uuidString).json"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try profile.write(to: path)
    #expect(try ReferenceProfile.load(path: path, modelChecksum: "abc") == profile)
    #expect(throws: HealthError.otherModel(path: path, expected: "xyz", found: "abc")) {
      try ReferenceProfile.load(path: path, modelChecksum: "xyz")
    }
    #expect(profile.classCounts == [17, 33])
  }

  @Test("a file of version 2 is read, and has no trigrams and no text with unseen ones")
  func olderVersion() throws {
    let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Fixtures/reference-v2.json")
    let profile = try ReferenceProfile.load(path: url.path)
    #expect(profile.trigrams == nil && profile.count == 4)
    let unseen = profile.features[Feature.unseenTrigramShare.rawValue]
    #expect(unseen.counts[0] == 4 && unseen.count == 4)
    #expect(profile.features[Feature.characters.rawValue].count == 4)
  }

  @Test("training texts count for what a text alone decides, and for nothing that the model says")
  func trainingTexts() throws {
    var builder = ReferenceProfile.Builder(labels: ["ham", "spam"])
    for index in 0..<40 {
      let text = "text number \(index)"
      builder.add(
        FeatureValues(text: text, tokenCount: 5, unknownTokenCount: 0), text: text,
        probabilities: [0.9, 0.1])
    }
    for _ in 0..<60 { builder.add(trainingText: "A LONG TEXT THAT THE MODEL WAS TRAINED ON") }
    let profile = try builder.build()
    #expect(profile.count == 40 && profile.classCounts == [40, 0])
    for feature in Feature.allCases {
      // Half of the texts make the set that the other half's trigrams are looked up in.
      let expected = feature == .unseenTrigramShare ? 50.0 : feature.isOfTextAlone ? 100 : 40
      #expect(profile.features[feature.rawValue].count == expected)
    }
    #expect(profile.features[Feature.tokens.rawValue].mean == 5)
    let bytes = profile.serializedBytes()
    #expect(try ReferenceProfile.parse(bytes, path: "p") == profile)
    #expect(profile.trigrams?.unseenShare(of: "a long text") ?? 1 < 0.2)
    #expect(profile.trigrams?.unseenShare(of: "Übergrößenträger") ?? 0 > 0.8)
  }

  @Test("damage, another version and another file are told apart")
  func refusals() throws {
    let text = String(decoding: try profile().serializedBytes(), as: UTF8.self)
    let damaged = text.replacingOccurrences(of: "\"count\": 50", with: "\"count\": 51")
    #expect(damaged != text)
    #expect(throws: HealthError.wrongChecksum(path: "p")) {
      try ReferenceProfile.parse(Array(damaged.utf8), path: "p")
    }
    let newer = text.replacingOccurrences(of: "\"version\": 3", with: "\"version\": 4")
    #expect(throws: HealthError.unsupportedVersion(path: "p", found: 4)) {
      try ReferenceProfile.parse(Array(newer.utf8), path: "p")
    }
    for other in ["", "{}", "[1]", "{\"format\": \"martlet-reference\"}", "\u{FFFD}"] {
      #expect(throws: HealthError.self) {
        try ReferenceProfile.parse(Array(other.utf8), path: "p")
      }
    }
    #expect(throws: HealthError.emptyProfile) {
      try ReferenceProfile.Builder(labels: ["a", "b"]).build()
    }
  }

  @Test("features of a text are what one counts by hand")
  func features() {
    let values = FeatureValues(text: "WIN 10 €!\u{1}", tokenCount: 6, unknownTokenCount: 3)
    #expect(values[.characters] == 10)
    #expect(values[.tokens] == 6)
    #expect(values[.tokensPerWord] == 2)
    #expect(values[.unknownTokenShare] == 0.5)
    #expect(values[.digitShare] == 0.2)
    #expect(values[.uppercaseShare] == 0.3)
    #expect(values[.nonPrintableShare] == 0.1)
    let scripts: [(String, Script)] = [
      ("", .none), ("12 !", .none), ("Привет, мир", .cyrillic), ("今天天气", .han),
      ("これは日本語です", .kana), ("abc где", .mixed), ("안녕하세요", .hangul),
    ]
    for (text, script) in scripts {
      let value = FeatureValues(text: text, tokenCount: 1, unknownTokenCount: 0)[.script]
      #expect(value == Double(script.rawValue), "\(text)")
    }
  }

  @Test("each bin starts at its edge, and every bin has a name")
  func bins() {
    for feature in Feature.allCases {
      #expect(feature.binNames.count == feature.binCount)
      for (index, edge) in feature.edges.enumerated() {
        #expect(feature.bin(of: edge) == index + 1)
        #expect(feature.bin(of: edge.nextDown) == index)
      }
    }
    #expect(ReferenceProfile.confidenceBin(of: 1) == 19)
    #expect(ReferenceProfile.confidenceBin(of: 0.05) == 1)
    #expect(ReferenceProfile.confidenceBin(of: .nan) == 0)
  }
}
