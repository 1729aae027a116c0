import Foundation
import JSON
import Testing
import Training

/// `Tests/Reference/ngram_teacher.py` made the numbers with scikit-learn.
private struct Reference {
  let texts, unseen: [String]
  let truths: [Int]
  let weights, probabilities: [[Double]]

  init() throws {
    let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Fixtures/ngram_teacher.json")
    let json = try JSONValue(parsing: try Data(contentsOf: url))
    func list(_ name: String) throws -> [JSONValue] { try #require(json[name]?.arrayValue) }
    texts = try list("texts").compactMap(\.stringValue)
    unseen = try list("unseen").compactMap(\.stringValue)
    truths = try list("truths").compactMap(\.doubleValue).map { Int($0) }
    weights = try list("weights").map { $0.arrayValue?.compactMap(\.doubleValue) ?? [] }
    probabilities = try list("probabilities").map {
      $0.arrayValue?.compactMap(\.doubleValue) ?? []
    }
  }
}

@Suite("The linear teacher")
struct NGramTeacherTests {
  @Test(
    "Words are runs of letters and digits; marks and unspaced letters stand alone",
    arguments: [
      ("It's 2 GOOD!", ["it", "'", "s", "2", "good", "!"]), ("很好吃 ok", ["很", "好", "吃", "ok"]),
      ("naïve café", ["naïve", "café"]), ("", []), ("  \n", []), ("ラーメン", ["ラ", "ー", "メ", "ン"]),
    ])
  func units(text: String, expected: [String]) { #expect(TextUnits.words(text) == expected) }

  @Test("Weights are TfidfVectorizer's")
  func features() throws {
    let reference = try Reference()
    let features = NGramFeatures(buckets: 1 << 18)
    let counts = reference.texts.map { features.counts(TextUnits.words($0)) }
    let frequencies = features.inverseFrequencies(counts)
    for (text, expected) in zip(reference.unseen, reference.weights) {
      // What no row has, scikit-learn leaves out of the row and of its length.
      let known = Set(counts.flatMap { $0.map(\.bucket) })
      let row = features.weighted(
        features.counts(TextUnits.words(text)).filter { known.contains($0.bucket) }, by: frequencies
      )
      #expect(row.values.count == expected.count)
      for (a, b) in zip(row.values.sorted(), expected) { #expect(abs(Double(a) - b) < 1e-5) }
    }
  }

  @Test("Probabilities are LogisticRegression's to a hundredth")
  func regression() throws {
    let reference = try Reference()
    let features = NGramFeatures(buckets: 1 << 18)
    let counts = reference.texts.map { features.counts(TextUnits.words($0)) }
    let known = Set(counts.flatMap { $0.map(\.bucket) })
    let frequencies = features.inverseFrequencies(counts)
    var model = SparseLogisticRegression()
    model.passes = 200
    model.fit(
      counts.map { features.weighted($0, by: frequencies) }, labels: reference.truths, classes: 3,
      features: features.buckets, seed: 1)
    for (text, expected) in zip(reference.unseen, reference.probabilities) {
      let row = features.weighted(
        features.counts(TextUnits.words(text)).filter { known.contains($0.bucket) }, by: frequencies
      )
      for (a, b) in zip(model.probabilities(row), expected) { #expect(abs(Double(a) - b) < 0.01) }
    }
  }

  @Test("Rows that share five words in a row go to the same fold, and labels are spread evenly")
  func folds() {
    var generator = SeededGenerator(seed: 7)
    let vocabulary = (0..<500).map { "word\($0)" }
    let rows = (0..<200).map { _ in
      (0..<9).map { _ in vocabulary.randomElement(using: &generator) ?? "" }
    }
    let phrases = rows.map { Array($0[2..<8]) }
    let labels = (0..<200).map { $0 % 2 }
    let folds = CrossFittingFolds(rows + phrases, labels: labels + labels, folds: 5, seed: 1).fold
    #expect(folds.prefix(200).elementsEqual(folds.suffix(200)))
    for label in 0..<2 {
      for fold in 0..<5 {
        let count = zip(folds, labels + labels).count { $0.0 == fold && $0.1 == label }
        #expect((38...42).contains(count))
      }
    }
    let again = CrossFittingFolds(rows + phrases, labels: labels + labels, folds: 5, seed: 1).fold
    #expect(folds == again)
  }

  @Test("A text that all rows share does not leave one fold alone with them")
  func oneGroup() {
    let rows = [[String]](repeating: (0..<12).map { "word\($0)" }, count: 100)
    let folds = CrossFittingFolds(rows, labels: [Int](repeating: 0, count: 100), folds: 5, seed: 1)
    #expect(Set(folds.fold).count == 5)
  }

  @Test("A target holds the label's part and what other rows say; a wrong label is doubted")
  func targets() throws {
    var texts = (0..<200).map { "\($0 % 2 == 0 ? "good fine" : "bad poor") number \($0)" }
    var labels = (0..<200).map { $0 % 2 }
    texts.append("good fine stuff")
    labels.append(1)
    let lesson = try #require(
      NGramTeacher(share: 0.5, seed: 1).lesson(texts, labels: labels, classes: 2))
    #expect(lesson.accuracy > 0.98 && lesson.loss < 0.2)
    for target in lesson.targets { #expect(abs(target.reduce(0, +) - 1) < 1e-5) }
    #expect(lesson.targets[0][0] > 0.9 && lesson.targets[200][1] < 0.7)
  }

  @Test("Where there is nothing to teach, nothing is taught")
  func nothing() {
    var generator = SeededGenerator(seed: 2)
    let texts = (0..<300).map { "number \($0) of them" }
    let random = texts.map { _ in Int(generator.next() % 2) }
    let teacher = NGramTeacher(share: 0.5, seed: 1)
    #expect(teacher.lesson(texts, labels: random, classes: 2) == nil)
    #expect(teacher.lesson(texts, labels: random, classes: 5000) == nil)
    #expect(teacher.lesson(["a", "b"], labels: [0, 1], classes: 2) == nil)
    #expect(NGramTeacher(share: 0, seed: 1).lesson(texts, labels: random, classes: 2) == nil)
  }

  @Test("A label of one row keeps it: no other row could have taught it")
  func singles() throws {
    let texts = (0..<100).map { $0 % 2 == 0 ? "good fine \($0)" : "bad poor \($0)" } + ["odd one"]
    let labels = (0..<100).map { $0 % 2 } + [2]
    let lesson = try #require(
      NGramTeacher(share: 0.5, seed: 1).lesson(texts, labels: labels, classes: 3))
    #expect(lesson.targets[100].isEmpty && lesson.targets[0].count == 3)
  }
}
