import Scoring
import Testing

/// Expected values are scikit-learn's `f1_score`, `precision_score` and `recall_score` of the same rows.
@Suite("Scores of classes")
struct ClassScoresTests {
  private func scores(_ truths: [Int], _ predictions: [Int], classes: Int) -> ClassScores {
    var scores = ClassScores(classes: classes)
    for (truth, prediction) in zip(truths, predictions) {
      scores.add(truth: truth, prediction: prediction)
    }
    return scores
  }

  @Test(
    "A model that is always right on rows of one class has macro-F1 1, and no figure for the other")
  func oneClass() {
    let all = [Int](repeating: 0, count: 675)
    let figures = scores(all, all, classes: 2)
    #expect(figures.macroF1 == 1 && figures.accuracy == 1 && figures.f1(0) == 1)
    #expect(figures.f1(1) == nil && figures.precision(1) == nil && figures.recall(1) == nil)
  }

  @Test("A class that is only predicted or only true counts as 0 in the mean")
  func halfSeen() throws {
    let figures = scores([0, 0, 1, 1, 2, 2, 2], [0, 3, 1, 1, 2, 0, 2], classes: 5)
    let macro = try #require(figures.macroF1)
    #expect(abs(macro - 0.575) < 1e-12)
    #expect(figures.f1(3) == 0 && figures.recall(3) == nil && figures.precision(3) == 0)
    #expect(figures.f1(4) == nil)
  }

  @Test("Sets of labels have micro- and macro-F1 over the labels that occur")
  func sets() throws {
    var figures = ClassScores(classes: 3)
    figures.add(truths: [0, 1], predictions: [0])
    figures.add(truths: [1], predictions: [1])
    figures.add(truths: [], predictions: [0])
    let (micro, macro) = (try #require(figures.microF1), try #require(figures.macroF1))
    #expect(abs(micro - 2 / 3.0) < 1e-12 && abs(macro - 2 / 3.0) < 1e-12)
  }

  @Test("Nothing is defined where nothing was counted")
  func nothing() {
    let figures = ClassScores(classes: 2)
    #expect(figures.macroF1 == nil && figures.microF1 == nil && figures.accuracy == nil)
  }
}
