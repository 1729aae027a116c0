import ArgumentParser
import FileJobs
import Files

/// How the rows of a file are laid out, where it does not tell by itself.
struct LayoutFlags: ParsableArguments {
  @Option(
    help:
      "Encoding of the file: utf-8, utf-16le, utf-16be, windows-1252 (and latin-1). [default: utf-8; UTF-16 by its mark]",
    transform: {
      guard let encoding = TextEncoding(name: $0) else {
        throw ValidationError(
          "use one of \(TextEncoding.allCases.map(\.rawValue).joined(separator: ", "))")
      }
      return encoding
    })
  var encoding: TextEncoding?
  @Option(
    help: "What parts the columns: ',', ';', 'tab' or another character. [default: by the file]",
    transform: { text in
      if ["tab", "\\t"].contains(text.lowercased()) { return 9 }
      guard let byte = text.utf8.first, text.utf8.count == 1, byte < 0x80, byte != 34, byte != 10,
        byte != 13
      else { throw ValidationError("use one character, such as ';', or tab") }
      return byte
    })
  var separator: UInt8?
  @Flag(
    inversion: .prefixedNo, help: "Whether the first row names the columns. [default: by its names]"
  )
  var header: Bool?

  /// These with the columns that were chosen.
  func layout(
    text: String? = nil, pair: String? = nil, label: String? = nil, hasLabels: Bool = false
  ) -> RecordLayout {
    var layout = RecordLayout(text: text, pair: pair, label: label, hasLabels: hasLabels)
    (layout.encoding, layout.separator, layout.hasHeader) = (encoding, separator, header)
    return layout
  }

  /// These as words of another command line.
  var words: [String] {
    (encoding.map { ["--encoding", $0.rawValue] } ?? [])
      + (separator.map { ["--separator", $0 == 9 ? "tab" : String(decoding: [$0], as: UTF8.self)] }
        ?? [])
      + (header.map { [$0 ? "--header" : "--no-header"] } ?? [])
  }
}
