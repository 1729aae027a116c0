import Foundation
import Testing
import Training

@Suite("Labels are bytes")
struct LabelBytesTests {
  private let composed = "caf\u{E9}"
  private let decomposed = "cafe\u{301}"

  private func dataset(_ labels: [String]) -> LabeledDataset {
    LabeledDataset(
      path: "d.tsv",
      rows: labels.enumerated().map { LabeledText(label: $1, text: "t\($0)", line: $0 + 1) })
  }

  private func bytes(_ labels: [String]) -> [[UInt8]] { labels.map { Array($0.utf8) } }

  @Test("Labels that Unicode calls equal stay two, each with its own rows")
  func canonical() throws {
    #expect(composed == decomposed)
    let data = dataset([composed, decomposed, "tee", composed])
    let labels = try data.trainingLabels()
    #expect(bytes(labels) == bytes([decomposed, composed, "tee"]))
    #expect(try data.labelIndices(in: labels) == [1, 0, 2, 1])
    let angstrom = dataset(["\u{212B}", "\u{C5}", "A\u{30A}"])
    #expect(try angstrom.trainingLabels().count == 3)
  }

  @Test("Only rows of other labels make a conflict, by bytes")
  func conflicts() {
    let data = LabeledDataset(
      path: "d.tsv",
      rows: [composed, decomposed].map { LabeledText(label: $0, text: "same", line: 1) })
    #expect(data.conflicts.count == 1)
  }

  @Test("What is held out leaves each label a row, by bytes")
  func holdingOut() {
    let (training, held) = dataset([composed, decomposed, composed, decomposed])
      .split(share: 0.1, seed: 1)
    #expect(Set(bytes(training.rows.map(\.label))).count == 2)
    #expect(Set(bytes(held.rows.map(\.label))).count == 2)
  }

  @Test("Labels that look alike are found; others are not")
  func lookalikes() {
    let labels = ["neg", "Neg", "neg ", "\u{FEFF}neg", "pos", composed, decomposed, "négative"]
    let found = LabelIndex.lookalikes(labels)
    #expect(found.map(\.count).sorted() == [2, 4])
    #expect(LabelIndex.lookalikes(["a", "b", "ä", "1", "10"]).isEmpty)
  }

  @Test("A label with one row is named")
  func lonely() {
    #expect(dataset(["a", "a", "b", composed]).lonelyRows.map(\.line) == [3, 4])
  }
}
