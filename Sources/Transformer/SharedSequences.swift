import Tokenization

/// The sequences of a batch in which several readers ask: where they ask of the same tokens, one serves them all.
///
/// What one reader asks twice stands there twice, so that what its texts cost does not depend on whether they repeat.
package struct SharedSequences {
  /// One reader's questions.
  package struct Reader {
    /// Places in the list of questions.
    package var questions: [Int] = []
    /// The sequence of each.
    package var sequences: [Int] = []
  }

  private struct Tokens: Hashable {
    let ids: [Int32]
    let types: [Int32]
    let seen: Int?
  }

  /// Tokens of each sequence.
  package private(set) var encodings: [Encoding] = []
  /// In the order in which they asked first.
  package private(set) var readers: [Reader] = []

  /// The sequences that answer `questions`.
  package init(_ questions: [(reader: ObjectIdentifier, encoding: Encoding)]) {
    let first = questions.first?.reader
    if questions.allSatisfy({ $0.reader == first }) {
      encodings = questions.map(\.encoding)
      readers = [
        Reader(questions: Array(questions.indices), sequences: Array(questions.indices))
      ]
      return
    }
    var places: [Tokens: [Int]] = [:]
    var numbers: [ObjectIdentifier: Int] = [:]
    var asked: [[Tokens: Int]] = []
    for (question, (reader, encoding)) in questions.enumerated() {
      let number = numbers[reader] ?? readers.count
      if number == readers.count {
        numbers[reader] = number
        readers.append(Reader())
        asked.append([:])
      }
      let tokens = Tokens(ids: encoding.ids, types: encoding.typeIDs, seen: encoding.seenCount)
      let turn = asked[number][tokens, default: 0]
      asked[number][tokens] = turn + 1
      if turn == places[tokens, default: []].count {
        places[tokens, default: []].append(encodings.count)
        encodings.append(encoding)
      }
      readers[number].questions.append(question)
      readers[number].sequences.append(places[tokens, default: []][turn])
    }
  }
}
