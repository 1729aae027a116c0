import FileJobs
import Foundation
import Testing
import Training

@Suite("Labelled rows of any format")
struct LabeledRowsTests {
  private func read(
    _ text: String, as ending: String, column: String? = nil, label: String? = nil
  ) throws -> [LabeledText] {
    let path = NSTemporaryDirectory() + "rows-\(UUID().uuidString).\(ending)"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    return try LabeledDataset.read(
      path: path, layout: RecordLayout(text: column, label: label)
    ).rows
  }

  private let want = [
    LabeledText(label: "ham", text: "hello, you", line: 2),
    LabeledText(label: "spam", text: "buy", line: 3),
  ]

  @Test("CSV, JSONL and TSV with a header give the same rows as TSV without")
  func formats() throws {
    #expect(try read("label,text\nham,\"hello, you\"\nspam,buy\n", as: "csv") == want)
    #expect(try read("text\tlabel\nhello, you\tham\nbuy\tspam\n", as: "tsv") == want)
    let lines =
      "{\"label\":\"ham\",\"text\":\"hello, you\"}\n{\"label\":\"spam\",\"text\":\"buy\"}\n"
    #expect(try read(lines, as: "jsonl").map(\.label) == ["ham", "spam"])
    let plain = try read("ham\thello, you\nspam\tbuy\n", as: "tsv")
    #expect(plain.map(\.text) == want.map(\.text) && plain.map(\.line) == [1, 2])
  }

  @Test("Columns can be chosen by name and by number")
  func columns() throws {
    let text = "id,stars,review\n1,ham,\"hello, you\"\n2,spam,buy\n"
    #expect(try read(text, as: "csv", column: "review", label: "stars") == want)
    let rows = try read("x\tham\ty\nx\tspam\tz\n", as: "tsv", column: "3", label: "2")
    #expect(rows.map(\.text) == ["y", "z"])
  }

  @Test("What gzip packed reads the same; a cut file is refused")
  func packed() throws {
    let path = NSTemporaryDirectory() + "rows-\(UUID().uuidString).csv.gz"
    defer { try? FileManager.default.removeItem(atPath: path) }
    // gzip -n of "label,text\nham,hello\n".
    let packed: [UInt8] = [
      0x1F, 0x8B, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xCB, 0x49, 0x4C, 0x4A, 0xCD,
      0xD1, 0x29, 0x49, 0xAD, 0x28, 0xE1, 0xCA, 0x48, 0xCC, 0xD5, 0xC9, 0x48, 0xCD, 0xC9, 0xC9,
      0xE7, 0x02, 0x00, 0xAB, 0x7C, 0xC5, 0xF9, 0x15, 0x00, 0x00, 0x00,
    ]
    try Data(packed).write(to: URL(fileURLWithPath: path))
    let rows = try LabeledDataset.read(path: path).rows
    #expect(rows == [LabeledText(label: "ham", text: "hello", line: 2)])
    try Data(packed.dropLast(6)).write(to: URL(fileURLWithPath: path))
    #expect(throws: (any Error).self) { try LabeledDataset.read(path: path) }
  }

  @Test("A fault names file and line")
  func faults() {
    for (text, ending) in [
      ("label,text\nham\n", "csv"), ("{\"text\":\"a\"}\n", "jsonl"), ("no tab\n", "tsv"),
      ("label,text\n", "csv"),
    ] {
      #expect(throws: (any Error).self, "\(text)") { try read(text, as: ending) }
    }
  }
}
