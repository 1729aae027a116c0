import FileJobs
import Files
import Foundation
import Testing
import Training

/// Files as spreadsheets write them.
@Suite("Tables from spreadsheets")
struct SpreadsheetTests {
  private func write(_ bytes: [UInt8], _ ending: String) throws -> String {
    let path = NSTemporaryDirectory() + "sheet-\(UUID().uuidString).\(ending)"
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    return path
  }

  private func labelled(
    _ bytes: [UInt8], _ ending: String, _ layout: RecordLayout = RecordLayout()
  ) throws -> (rows: [[String]], notes: [String]) {
    let path = try write(bytes, ending)
    defer { try? FileManager.default.removeItem(atPath: path) }
    var notes: [String] = []
    let rows = try LabeledDataset.read(path: path, layout: layout) { notes.append($0) }.rows
    return (rows.map { [$0.label, $0.text] }, notes)
  }

  private func labelled(
    _ text: String, _ ending: String, _ layout: RecordLayout = RecordLayout()
  ) throws -> [[String]] { try labelled(Array(text.utf8), ending, layout).rows }

  private func texts(_ text: String, _ ending: String, _ layout: RecordLayout) throws -> [String] {
    let path = try write(Array(text.utf8), ending)
    defer { try? FileManager.default.removeItem(atPath: path) }
    var reader = try RecordReader(path: path, layout: layout)
    var texts: [String] = []
    while let record = try reader.next() { texts.append(record.input.text) }
    return texts
  }

  private func refusal(
    _ bytes: [UInt8], _ ending: String, _ layout: RecordLayout = RecordLayout()
  ) -> String {
    let error = #expect(throws: (any Error).self) { try labelled(bytes, ending, layout) }
    return error?.localizedDescription ?? ""
  }

  private let want = [["neg", "schlecht, leider"], ["pos", "gut"]]

  @Test("A byte order mark belongs to no label and no name, in any format")
  func marks() throws {
    let mark = "\u{FEFF}"
    #expect(try labelled(mark + "neg\tschlecht, leider\npos\tgut\n", "tsv") == want)
    #expect(try labelled(mark + "label\ttext\nneg\tschlecht, leider\npos\tgut\n", "tsv") == want)
    #expect(
      try labelled(mark + "label,text\r\nneg,\"schlecht, leider\"\r\npos,gut\r\n", "csv") == want)
    #expect(
      try labelled(
        mark + #"{"label":"neg","text":"schlecht, leider"}"# + "\n"
          + #"{"label":"pos","text":"gut"}"#, "jsonl") == want)
  }

  @Test(
    "Semicolons, tabs and a line sep= are seen, with header and without",
    arguments: [
      "label;text\nneg;schlecht, leider\npos;gut\n", "neg;schlecht, leider\npos;gut\n",
      "sep=;\r\nlabel;text\r\nneg;schlecht, leider\r\npos;gut\r\n",
      "label\ttext\nneg\tschlecht, leider\npos\tgut\n", "neg\t\"schlecht, leider\"\npos\tgut\n",
      "SEP=|\nlabel|text\nneg|schlecht, leider\npos|gut\n",
      "text;label;\n\"schlecht, leider\";neg;\ngut;pos;\n;;\n",
      "Label ; Text\nneg;schlecht, leider\npos;gut\n",
      "label,text\rneg,\"schlecht, leider\"\rpos,gut\r",
    ])
  func separators(text: String) throws {
    #expect(try labelled(text, "csv") == want)
  }

  @Test("A file that is called .tsv and has a header between commas or semicolons is read by it")
  func wrongName() throws {
    #expect(try labelled("label,text\nneg,\"schlecht, leider\"\npos,gut\n", "tsv") == want)
    #expect(try labelled("label;text\nneg;schlecht, leider\npos;gut\n", "tsv") == want)
  }

  @Test("Two readings that make sense are refused by line, and the option decides")
  func ambiguous() throws {
    let text = "neg;a, b\npos;c, d\n"
    let message = refusal(Array(text.utf8), "csv")
    #expect(message.contains("line 1") && message.contains("--separator"), "\(message)")
    var layout = RecordLayout()
    layout.separator = UInt8(ascii: ";")
    #expect(try labelled(text, "csv", layout) == [["neg", "a, b"], ["pos", "c, d"]])
    #expect(refusal(Array("neg,schlecht\npos,gut\n".utf8), "tsv").contains("--separator"))
  }

  @Test("A single column of texts with commas or semicolons stays one")
  func singleColumn() throws {
    #expect(try texts("text\na; b\nc\n", "csv", RecordLayout()) == ["a; b", "c"])
    #expect(try texts("a; b\nc\nd; e; f\n", "csv", RecordLayout()) == ["a; b", "c", "d; e; f"])
  }

  @Test("An unquoted comma too many is refused by line")
  func extraComma() {
    let message = refusal(Array("text,label\ngut,pos\nwar zu, viel,neg\n".utf8), "csv")
    #expect(message.contains("line 3") && message.contains("quotes"), "\(message)")
    let bare = refusal(Array("neg,war zu, viel\npos,gut\n".utf8), "csv")
    #expect(bare.contains("line 1") && bare.contains("--column"), "\(bare)")
  }

  @Test("A header of unknown names is refused with the options that name its columns")
  func unknownHeader() throws {
    let rows = (0..<12).map { "\($0 % 2 == 0 ? "pos" : "neg"),text number \($0)" }
    for (ending, separator) in [("csv", ","), ("tsv", "\t")] {
      let text = (["rating,review"] + rows).joined(separator: "\n")
        .replacingOccurrences(of: ",", with: separator)
      let message = refusal(Array(text.utf8), ending)
      #expect(
        message.contains("line 1") && message.contains("--label-column 'rating'"), "\(message)")
      let mended = try labelled(text, ending, RecordLayout(text: "review", label: "rating"))
      #expect(mended.count == 12 && mended[0] == ["pos", "text number 0"])
      var layout = RecordLayout()
      layout.hasHeader = false
      #expect(try labelled(text, ending, layout).count == 13)
      layout.hasHeader = true
      #expect(try labelled(text, ending, layout).count == 12)
    }
    let stars = "stars;review\n" + (0..<4).map { "\($0);text \($0) is\n" }.joined()
    #expect(refusal(Array(stars.utf8), "csv").contains("header"))
    // A label that comes once among others that do is no header.
    #expect(
      try labelled("greeting\thello\nbye\tso long\nbye\tciao then\nask\twhat is it\n", "tsv").count
        == 4)
  }

  @Test("Spaces around a label are left out, and said")
  func spaces() throws {
    for (text, ending) in [
      ("label,text\nneg ,a\nneg,b\npos,c\n", "csv"), ("neg \ta\nneg\tb\npos\tc\n", "tsv"),
      (
        "{\"label\":\"neg\u{A0}\",\"text\":\"a\"}\n{\"label\":\"neg\",\"text\":\"b\"}\n{\"label\":\"pos\",\"text\":\"c\"}",
        "jsonl"
      ),
    ] {
      let read = try labelled(Array(text.utf8), ending)
      #expect(read.rows.map { $0[0] } == ["neg", "neg", "pos"])
      #expect(read.notes.count == 1 && read.notes[0].contains("line"), "\(read.notes)")
    }
  }

  @Test("UTF-16 is read by its mark; Latin-1 is refused with an option that mends it")
  func encodings() throws {
    let text = "label;text\nneg;für 5 € schlecht, 😀\npos;gut\n"
    let rows = [["neg", "für 5 € schlecht, 😀"], ["pos", "gut"]]
    for encoding in [String.Encoding.utf16LittleEndian, .utf16BigEndian] {
      let mark: [UInt8] = encoding == .utf16BigEndian ? [0xFE, 0xFF] : [0xFF, 0xFE]
      let bytes = Array(try #require(text.data(using: encoding)))
      #expect(try labelled(mark + bytes, "csv").rows == rows)
      let message = refusal(bytes, "csv")
      #expect(message.contains("--encoding utf-16\(encoding == .utf16BigEndian ? "be" : "le")"))
      var layout = RecordLayout()
      layout.encoding = encoding == .utf16BigEndian ? .utf16BigEndian : .utf16LittleEndian
      #expect(try labelled(bytes, "csv", layout).rows == rows)
    }
    let western = text.replacingOccurrences(of: "😀", with: "–")
    let latin = Array(try #require(western.data(using: .windowsCP1252)))
    let message = refusal(latin, "csv")
    #expect(message.contains("line 2") && message.contains("--encoding windows-1252"), "\(message)")
    var layout = RecordLayout()
    layout.encoding = .windows1252
    #expect(try labelled(latin, "csv", layout).rows[0] == ["neg", "für 5 € schlecht, –"])
    #expect(TextEncoding(name: "Latin-1") == .windows1252)
    #expect(refusal([0xFF, 0xFE, 0x61], "tsv").contains("line 1"))
  }

  @Test("A workbook and a JSON array are named")
  func noTables() {
    #expect(refusal([0x50, 0x4B, 3, 4, 20, 0], "csv").contains("CSV UTF-8"))
    #expect(refusal(Array(#"[{"text":"a","label":"b"}]"#.utf8), "jsonl").contains("jq"))
    #expect(refusal(Array(#"{"review":"a","stars":1}"#.utf8), "jsonl").contains("review, stars"))
  }

  @Test("A number as a label is the same in JSON as in a table")
  func numbers() throws {
    #expect(
      try labelled("{\"label\":1,\"text\":\"a\"}\n{\"label\":2,\"text\":\"b\"}", "jsonl")
        == labelled("label,text\n1,a\n2,b\n", "csv"))
  }

  @Test("A quote with a combining mark behind it is doubled")
  func quoting() throws {
    let field = "a\"\u{301}b"
    #expect(
      Array(CSVReader.escaped(field).utf8) == Array("\"a\"".utf8) + Array("\"\u{301}b\"".utf8))
  }
}
