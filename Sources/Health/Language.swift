/// A guess at a text's language: by its script where that decides, else by the commonest words in it.
///
/// It is for telling that a tenth of the traffic has become German, not for telling one text's language: most short texts
/// hold one or two such words, and many none.
public enum Language: Int, CaseIterable, Sendable {
  case unknown, english, german, french, spanish, italian, portuguese, dutch, polish, turkish
  case indonesian, russian, greek, arabic, hebrew, hindi, chinese, japanese, korean

  /// The name in files and metrics.
  public var name: String { String(describing: self) }

  /// What a script alone says.
  static func of(_ script: Script) -> Language? {
    switch script {
    case .cyrillic: .russian
    case .greek: .greek
    case .arabic: .arabic
    case .hebrew: .hebrew
    case .indic: .hindi
    case .han: .chinese
    case .kana: .japanese
    case .hangul: .korean
    case .none: .unknown
    case .latin, .other, .mixed: nil
    }
  }

  /// Languages, as bits by raw value, of each common word's hash.
  static let commonWords: WordTable = {
    var table = WordTable()
    for (language, words) in words {
      for word in words.split(separator: " ") {
        table.add(1 << UInt32(language.rawValue), to: WordHash.of(word))
      }
    }
    return table
  }()

  /// Articles, pronouns, prepositions and forms of "to be" that are frequent in any text.
  private static let words: [(Language, String)] = [
    (
      .english,
      "the and you is it of to for in on my your this that with have are be was not but what if we can will just so me at do from when how get now all out up he she they i a u ur dont im its no ok or as an"
    ),
    (
      .german,
      "der die das und ich nicht ist du ein eine zu mit auf für den dem sie wir es von auch sich war wie aber noch bei nur wenn hat haben sind im des als"
    ),
    (
      .french,
      "le la les et je vous est pas un une des que pour dans tu il elle nous sur avec ce qui au du mais plus par mon ma cette suis sont très ne"
    ),
    (
      .spanish,
      "el la los las y que de no es un una por para con en lo se mi tu pero como más muy su al del yo te me esta este está son hay"
    ),
    (
      .italian,
      "il lo la gli e che di non è un una per con in mi ti si ma come più sono della del nel questo questa anche ho hai io ci al"
    ),
    (
      .portuguese,
      "o a os as e que de não é um uma para com em por eu você me mas como mais do da no na seu sua isso este esta foi muito são"
    ),
    (
      .dutch,
      "de het een en ik niet is je dat van op te voor met zijn er maar aan wat om ook nog als naar bij hij zij wij deze dit heeft"
    ),
    (
      .polish,
      "i w nie na to się z jest do że jak co ale ja po tak za od czy dla już mnie ty może przez tylko jestem są być"
    ),
    (
      .turkish,
      "ve bir bu da de için çok ben sen ne var mi mı değil ama gibi daha o ile olarak kadar en şey bana iyi"
    ),
    (
      .indonesian,
      "yang dan di ini itu tidak saya aku kamu ada untuk dengan dari ke akan bisa sudah juga apa kalau jadi nya orang"
    ),
  ]
}

/// The hash of a word by its letters, case ignored, taken in letter by letter.
struct WordHash {
  private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

  /// Takes in one letter, lower-cased where it is ASCII or Latin-1.
  @inline(__always)
  mutating func add(_ scalar: UInt32) {
    let isUpper = (0x41...0x5A).contains(scalar) || (0xC0...0xDE).contains(scalar)
    value = (value ^ UInt64(isUpper ? scalar + 0x20 : scalar)) &* 0x100_0000_01b3
  }

  static func of(_ word: Substring) -> UInt64 {
    var hash = WordHash()
    for scalar in word.unicodeScalars { hash.add(scalar.value) }
    return hash.value
  }
}

/// Bits by word hash, in an open table: it is asked for each word of each text, and the hash is one already.
struct WordTable: Sendable {
  private static let capacity = 2048
  private var keys = [UInt64](repeating: 0, count: capacity)
  private var bits = [UInt32](repeating: 0, count: capacity)

  private func place(_ hash: UInt64) -> Int {
    var place = Int(truncatingIfNeeded: (hash &* 0x9E37_79B9_7F4A_7C15) >> 53)
    while bits[place] != 0, keys[place] != hash { place = (place + 1) & (Self.capacity - 1) }
    return place
  }

  /// The bits of a word; 0 where it has none.
  subscript(hash: UInt64) -> UInt32 { bits[place(hash)] }

  /// Adds bits to a word. There must be far fewer words than places.
  mutating func add(_ value: UInt32, to hash: UInt64) {
    let place = place(hash)
    keys[place] = hash
    bits[place] |= value
  }
}
