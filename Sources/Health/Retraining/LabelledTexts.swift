import JSON

/// The latest texts with their true labels, for the default model to learn from; only with `--keep-text`.
///
/// Everything is bounded by bytes: texts that wait for their label, and those that have one. The oldest go first.
public struct LabelledTexts: Sendable {
  /// A text with its true class.
  public struct Row: Sendable, Equatable {
    /// The true class.
    public var label: Int
    /// The text, cut to what an event holds.
    public var text: String

    /// A text with its true class.
    public init(label: Int, text: String) { (self.label, self.text) = (label, text) }
  }

  /// Bytes of texts that wait for a label.
  public static let waitingLimit = 32 << 20
  /// Bytes of texts with a label.
  public static let labelledLimit = 16 << 20
  /// Labels that came before their texts, from another worker, at most.
  static let earlyLimit = 4096
  /// What a text takes besides its bytes, about.
  private static let overhead = 64

  private var waiting = ByteQueue<UInt64>(limit: waitingLimit)
  private var texts: [UInt64: String] = [:]
  private var early: [UInt64: Int] = [:]
  private var labelled = ByteQueue<Row>(limit: labelledLimit)

  /// Nothing yet.
  public init() {}

  /// Those with a label, the oldest first.
  public var rows: [Row] { labelled.items }
  /// How many have a label.
  public var count: Int { labelled.count }
  /// How many ever came, those that had to go among them.
  public private(set) var total = 0

  /// Takes in one event.
  public mutating func add(_ event: HealthEvent) {
    switch event {
    case .prediction(let record) where !record.text.isEmpty && record.model == 0:
      if let label = early.removeValue(forKey: record.requestHash) {
        add(Row(label: label, text: record.text))
      } else if texts.updateValue(record.text, forKey: record.requestHash) == nil {
        let size = record.text.utf8.count + Self.overhead
        for hash in waiting.append(record.requestHash, bytes: size) { texts[hash] = nil }
      }
    case .label(let label) where label.model == 0:
      if let text = texts.removeValue(forKey: label.requestHash) {
        add(Row(label: label.label, text: text))
      } else if early.count < Self.earlyLimit {
        early[label.requestHash] = label.label
      } else {
        early = [label.requestHash: label.label]
      }
    case .prediction, .label: break
    }
  }

  /// Takes in a labelled text.
  public mutating func add(_ row: Row) {
    total += 1
    _ = labelled.append(row, bytes: row.text.utf8.count + Self.overhead)
  }
}

/// A queue whose items may take so many bytes together.
private struct ByteQueue<Item: Sendable>: Sendable {
  private var entries: [(item: Item, bytes: Int)] = []
  private var first = 0
  private var bytes = 0
  private let limit: Int

  init(limit: Int) { self.limit = limit }

  var count: Int { entries.count - first }
  var items: [Item] { entries[first...].map(\.item) }

  /// Adds one, and gives up the oldest until all fit.
  mutating func append(_ item: Item, bytes size: Int) -> [Item] {
    entries.append((item, size))
    bytes += size
    var gone: [Item] = []
    while bytes > limit, first < entries.count {
      bytes -= entries[first].bytes
      gone.append(entries[first].item)
      first += 1
    }
    if first > 1024, first * 2 > entries.count {
      entries.removeFirst(first)
      first = 0
    }
    return gone
  }
}

extension LabelledTexts {
  /// The rows as `label<TAB>text` lines; line breaks and tabs within a text become spaces. Rows of a label that has one are left
  /// out, because such a line could not be read back.
  public func tsv(labels: [String]) -> String {
    let isWritable = labels.map { !$0.isEmpty && !$0.unicodeScalars.contains(where: Self.ends) }
    var result = ""
    for row in rows where labels.indices.contains(row.label) && isWritable[row.label] {
      result += labels[row.label] + "\t"
      result += String(
        String.UnicodeScalarView(row.text.unicodeScalars.map { Self.ends($0) ? " " : $0 }))
      result += "\n"
    }
    return result
  }

  /// Whether readers of lines and columns take it for the end of one.
  private static func ends(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x00, 0x09...0x0D, 0x85, 0x2028, 0x2029: true
    default: false
    }
  }

  /// Takes in what `tsv` wrote; lines that are none, or of another label, are left out.
  public mutating func add(tsv: String, labels: [String]) {
    let places = ExactString.places(in: labels)
    for line in tsv.utf8.split(separator: UInt8(ascii: "\n")) {
      guard let tab = line.firstIndex(of: UInt8(ascii: "\t")) else { continue }
      let label = places[ExactString(String(decoding: line[..<tab], as: UTF8.self))]
      let text = line[line.index(after: tab)...]
      guard let label, !text.isEmpty else { continue }
      add(Row(label: label, text: String(decoding: text, as: UTF8.self)))
    }
  }
}
