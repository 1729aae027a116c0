import Foundation
import Health
import JSON
import Testing

private func close(_ a: Double, _ b: Double?) -> Bool {
  guard let b else { return false }
  return abs(a - b) <= 1e-9 * max(1, abs(b))
}

private func numbers(_ value: JSONValue?) -> [Double] {
  value?.arrayValue?.compactMap(\.doubleValue) ?? []
}

@Suite("Statistics equal SciPy's")
struct StatisticsTests {
  private let fixture: JSONValue

  init() throws {
    let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Fixtures/statistics.json")
    fixture = try JSONValue(parsing: Data(contentsOf: url))
  }

  @Test("Distances and tests between two samples")
  func twoSamples() throws {
    for item in try #require(fixture["cases"]?.arrayValue) {
      let (left, right) = (numbers(item["left"]), numbers(item["right"]))
      let (p, q) = (numbers(item["reference"]), numbers(item["current"]))
      #expect(
        close(Statistics.kolmogorovSmirnov(left, right).statistic, item["ks"]?.doubleValue))
      #expect(
        close(Statistics.wassersteinDistance(left, right), item["wasserstein"]?.doubleValue))
      #expect(
        close(
          Statistics.jensenShannonDistance(reference: p, current: q),
          item["jensen_shannon"]?.doubleValue))
      #expect(
        close(
          Statistics.populationStabilityIndex(reference: p, current: q, pseudocount: 0),
          item["psi"]?.doubleValue))
      #expect(close(Statistics.entropy(Statistics.shares(of: p)), item["entropy"]?.doubleValue))
      let chi = Statistics.chiSquared(reference: p, current: q)
      #expect(close(chi.statistic, item["chi"]?[0]?.doubleValue))
      #expect(close(chi.pValue, item["chi"]?[1]?.doubleValue))
    }
  }

  @Test("Gamma function, Fisher's exact test, false discovery rate, Wilson's interval")
  func tails() throws {
    for item in try #require(fixture["gamma"]?.arrayValue).map(numbers) {
      #expect(close(Statistics.upperGamma(item[0], item[1]), item[2]))
    }
    for item in try #require(fixture["fisher"]?.arrayValue).map(numbers) {
      let (a, n, b, m) = (Int(item[0]), Int(item[1]), Int(item[2]), Int(item[3]))
      let chance = Statistics.fisherGreater(a, of: n, than: b, of: m)
      #expect(abs(chance - item[4]) <= 1e-9 * item[4], "\(item): \(chance)")
    }
    #expect(Statistics.fisherGreater(1, of: 100, than: 64, of: 635) == 1)
    let adjusted = Statistics.benjaminiHochberg(numbers(fixture["pvalues"]))
    for (a, b) in zip(adjusted, numbers(fixture["adjusted"])) { #expect(close(a, b)) }
    for item in try #require(fixture["wilson"]?.arrayValue).map(numbers) {
      let interval = Statistics.wilsonInterval(successes: item[0], count: item[1])
      #expect(close(interval.lower, item[2]) && close(interval.upper, item[3]))
    }
  }
}
