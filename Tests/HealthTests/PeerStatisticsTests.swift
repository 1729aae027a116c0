import Foundation
import Health
import JSON
import Testing

@Suite("Drift measures equal Evidently's")
struct PeerStatisticsTests {
  @Test("population stability index, Jensen–Shannon and Wasserstein distance, to 1e-6")
  func measures() throws {
    let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Fixtures/peers.json")
    let cases = try #require(JSONValue(parsing: Data(contentsOf: url)).arrayValue)
    #expect(cases.count == 3)
    for item in cases {
      func numbers(_ key: String) -> [Double] {
        item[key]?.arrayValue?.compactMap(\.doubleValue) ?? []
      }
      func check(_ value: Double, _ key: String) throws {
        #expect(abs(value - (try #require(item[key]?.doubleValue))) < 1e-6, "\(key)")
      }
      let (reference, current) = (numbers("reference"), numbers("current"))
      try check(
        Statistics.populationStabilityIndex(
          reference: reference, current: current, pseudocount: 0), "psi")
      try check(
        Statistics.jensenShannonDistance(reference: reference, current: current), "jensen_shannon")
      try check(
        Statistics.wassersteinDistance(numbers("left"), numbers("right")), "wasserstein")
    }
  }
}
