import Foundation
import Testing
import Training

@Suite("Calibration")
struct CalibrationTests {
  /// Rows that say 0.9 and are right in 0.7 of the cases.
  private var rows: ScoredRows {
    let logit = Float(log(9.0))
    return ScoredRows(
      logits: (0..<100).map { _ in [logit, 0] }, truths: (0..<100).map { $0 < 70 ? 0 : 1 })
  }

  @Test("The temperature makes confidence accuracy")
  func temperature() {
    // softmax(ln 9 / T) = 0.7 at T = ln 9 / ln (7/3).
    let want = log(9.0) / log(7.0 / 3)
    let found = rows.fittedTemperature()
    #expect(abs(found - want) < 1e-3)
    #expect(abs(rows.calibrationError() - 0.2) < 1e-6)
    #expect(rows.calibrationError(temperature: found) < 1e-3)
    #expect(rows.loss(temperature: found) < rows.loss(temperature: 1))
  }

  @Test("Confidence alone does not make one model better than another")
  func calibratedLoss() {
    let modest = ScoredRows(logits: [[0.5, 0], [0, 0.5], [0.5, 0]], truths: [0, 1, 1])
    let bold = ScoredRows(logits: [[5, 0], [0, 5], [5, 0]], truths: [0, 1, 1])
    func calibrated(_ rows: ScoredRows) -> Double {
      rows.loss(temperature: rows.fittedTemperature())
    }
    #expect(bold.loss(temperature: 1) > modest.loss(temperature: 1) + 0.5)
    #expect(abs(calibrated(bold) - calibrated(modest)) < 1e-6)
    #expect(calibrated(bold) <= modest.loss(temperature: 1))
  }

  @Test("Logits of all rows are held unless they take much memory")
  func spacing() {
    #expect(ScoredRows.spacing(of: 5000, classes: 2) == 1)
    #expect(ScoredRows.spacing(of: 26_000, classes: 151) == 1)
    #expect(ScoredRows.spacing(of: 10_000, classes: 10_000) == 25)
    #expect(ScoredRows.spacing(of: 0, classes: 3) == 1)
  }

  @Test("A label for all else is preferred as far as the others' accuracy allows")
  func outOfScope() throws {
    // Ninety right rows of label 0 with margins 0.1, 0.2, …, ten wrong ones; ten of label 2, behind by 0.35.
    let right: [[Float]] = (1...90).map { [Float($0) / 10, -5, 0] }
    let wrong = [[Float]](repeating: [0, 9, 0], count: 10)
    let own = [[Float]](repeating: [0.35, -5, 0], count: 10)
    let truths = [Int](repeating: 0, count: 100) + [Int](repeating: 2, count: 10)
    let rows = ScoredRows(logits: right + wrong + own, truths: truths)
    let free = try #require(OutOfScopePreference(rows, label: 2, cost: 0))
    #expect(free.bias < 0.1 && free.inScope == (0.9, 0.9) && free.found == (0, 0))
    let priced = try #require(OutOfScopePreference(rows, label: 2, cost: 0.03))
    #expect((0.35..<0.4).contains(priced.bias) && priced.found == (0, 1))
    #expect(priced.inScope == (0.9, 0.87))
    #expect(try #require(OutOfScopePreference(rows, label: 2, cost: 1)).inScope.after == 0)
    let none = ScoredRows(logits: own, truths: [Int](repeating: 2, count: 10))
    #expect(OutOfScopePreference(none, label: 2, cost: 0.1) == nil)
  }

  @Test("The hardest rows are those whose truth was believed least")
  func hardest() {
    let scored = ScoredRows(logits: [[2, 0], [0, 3], [1, 0]], truths: [0, 0, 0])
    let hard = scored.hardest(limit: 2)
    #expect(hard.map(\.row) == [1, 2] && hard[0].predicted == 1)
    #expect(abs(hard[0].probabilityOfTruth - 1 / (1 + exp(3.0))) < 1e-9)
  }

  @Test("Of very many logits evenly spaced rows decide the temperature, and all of them the loss")
  func spaced() {
    let many = ScoredRows(
      logits: (0..<10_000).map { _ in [Float(log(9.0)), 0] },
      truths: (0..<10_000).map { $0 % 10 < 7 ? 0 : 1 })
    // Every 9th row meets each of the ten places alike.
    #expect(abs(many.fittedTemperature(mostLogits: 2222) - rows.fittedTemperature()) < 1e-2)
    #expect(abs(many.loss(temperature: 2) - rows.loss(temperature: 2)) < 1e-9)
  }

  @Test("Nothing to fit leaves the temperature at 1")
  func empty() {
    #expect(ScoredRows(logits: [], truths: []).fittedTemperature() == 1)
  }
}
