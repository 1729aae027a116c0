/// The special tokens around one text and around a pair, as `tokenizer.json` lays them out.
struct PostProcessor: Sendable, Equatable {
  /// A part of the layout.
  enum Part: Sendable, Equatable {
    /// Tokens of segment `type`.
    case special([Int32], type: Int32)
    /// The first (0) or second (1) text as segment `type`.
    case sequence(Int, type: Int32)
  }

  /// Around one text.
  var single: [Part]
  /// Around two.
  var pair: [Part]
  /// How the ranges of tokens lose the spaces that byte-level tokens begin with, in steps; none where they keep them.
  var trimmings: [Trimming] = []

  /// What `trim_offsets` does.
  struct Trimming: Sendable, Equatable {
    /// Whether the first token's space was added.
    var addsPrefixSpace: Bool
  }

  /// Whether it puts nothing around texts.
  var isPlain: Bool { single == Self.plain.single && pair == Self.plain.pair }

  /// No special tokens; the second text is segment 1.
  static let plain = PostProcessor(
    single: [.sequence(0, type: 0)], pair: [.sequence(0, type: 0), .sequence(1, type: 1)])

  /// BERT's: `[CLS] A [SEP] B [SEP]`.
  static func bert(classification: Int32, separator: Int32) -> PostProcessor {
    PostProcessor(
      single: [
        .special([classification], type: 0), .sequence(0, type: 0), .special([separator], type: 0),
      ],
      pair: [
        .special([classification], type: 0), .sequence(0, type: 0), .special([separator], type: 0),
        .sequence(1, type: 1), .special([separator], type: 1),
      ])
  }

  /// RoBERTa's: `<s> A </s></s> B </s>`, all of one segment.
  static func roberta(classification: Int32, separator: Int32) -> PostProcessor {
    PostProcessor(
      single: [
        .special([classification], type: 0), .sequence(0, type: 0), .special([separator], type: 0),
      ],
      pair: [
        .special([classification], type: 0), .sequence(0, type: 0),
        .special([separator, separator], type: 0), .sequence(1, type: 0),
        .special([separator], type: 0),
      ])
  }

  /// The token that opens a text, if there is one.
  var classification: Int32? {
    if case .special(let ids, _)? = single.first { ids.first } else { nil }
  }

  /// The token that closes a text, if there is one.
  var separator: Int32? {
    if case .special(let ids, _)? = single.last { ids.last } else { nil }
  }

  /// The highest id that it adds; -1 where it adds none.
  var highestID: Int {
    (single + pair).reduce(-1) { highest, part in
      if case .special(let ids, _) = part {
        max(highest, ids.map(Int.init).max() ?? -1)
      } else {
        highest
      }
    }
  }

  /// The highest segment of any part.
  var highestType: Int {
    (single + pair).reduce(0) { highest, part in
      switch part {
      case .special(_, let type), .sequence(_, let type): max(highest, Int(type))
      }
    }
  }

  /// How many special tokens there are around one text or two.
  func frame(isPair: Bool) -> Int {
    (isPair ? pair : single).reduce(0) { sum, part in
      if case .special(let ids, _) = part { sum + ids.count } else { sum }
    }
  }

  /// Lays out the tokens of one or two texts.
  func apply(_ first: [Int32], _ second: [Int32]?) -> (ids: [Int32], types: [Int32]) {
    var ids: [Int32] = []
    var types: [Int32] = []
    ids.reserveCapacity(first.count + (second?.count ?? 0) + frame(isPair: second != nil))
    types.reserveCapacity(ids.capacity)
    for part in second == nil ? single : pair {
      switch part {
      case .special(let tokens, let type):
        ids += tokens
        types.append(contentsOf: repeatElement(type, count: tokens.count))
      case .sequence(let index, let type):
        let tokens = index == 0 ? first : second ?? []
        ids += tokens
        types.append(contentsOf: repeatElement(type, count: tokens.count))
      }
    }
    return (ids, types)
  }

  /// Lays out where the tokens of one or two texts come from.
  func origins(_ first: [TokenOrigin], _ second: [TokenOrigin]?) -> [TokenOrigin] {
    (second == nil ? single : pair).flatMap { part in
      switch part {
      case .special(let tokens, _): tokens.map { _ in TokenOrigin.frame }
      case .sequence(let index, _): index == 0 ? first : second ?? []
      }
    }
  }
}
