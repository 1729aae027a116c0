import Testing
import Training
import Transformer

@Suite("Order tasks")
struct OrderTaskTests {
  @Test("Classes come in equal shares, and the bag of tokens says nothing of the class")
  func balance() {
    for task in OrderTask.allCases {
      var generator = SeededGenerator(seed: 5)
      let examples = task.examples(count: 4000, length: 12, using: &generator)
      #expect(Set(examples.map(\.ids.count)) == [14])
      let classes = task.labels.count
      var shares = [[Double]](
        repeating: [Double](repeating: 0, count: OrderTask.vocabularySize), count: classes)
      for example in examples {
        for id in example.ids {
          #expect(id >= 0 && Int(id) < OrderTask.vocabularySize)
          shares[example.label][Int(id)] += Double(classes) / 4000
        }
      }
      for label in 1..<classes {
        for token in 0..<OrderTask.vocabularySize {
          #expect(abs(shares[label][token] - shares[0][token]) < 0.12, "\(task) \(token)")
        }
      }
    }
  }

  @Test("The labels are what the order says")
  func truth() {
    var generator = SeededGenerator(seed: 6)
    for example in OrderTask.first.examples(count: 50, length: 9, using: &generator) {
      let (a, b) = (example.ids.firstIndex(of: 3), example.ids.firstIndex(of: 4))
      #expect(((a ?? 0) < (b ?? 0)) == (example.label == 0))
    }
    for example in OrderTask.reversed.examples(count: 50, length: 8, using: &generator) {
      let letters = Array(example.ids[1...8])
      #expect(letters.sorted() == (example.label == 1 ? letters.reversed() : letters))
      #expect(letters.first != letters.last)
    }
    for example in OrderTask.distance.examples(count: 80, length: 12, using: &generator) {
      let gap = (example.ids.firstIndex(of: 4) ?? 0) - (example.ids.firstIndex(of: 3) ?? 0)
      #expect([1...1, 2...3, 4...6, 7...12][example.label].contains(gap))
    }
    for example in OrderTask.agreement.examples(count: 50, length: 10, using: &generator) {
      #expect((example.ids[1] == example.ids[10]) == (example.label == 1))
      #expect(example.ids.count { $0 == 3 } == 2 && example.ids.count { $0 == 4 } == 2)
    }
  }
}
