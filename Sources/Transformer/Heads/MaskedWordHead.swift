import Tensor
import Tokenization

/// Scores of all words for each masked token of a text.
struct MaskedWordHead: TaskHead {
  private let words: WordHead
  private let mask: Int32
  let kept = RowSelection.all

  /// - Throws: `ModelError` naming the tensor, or a tokenizer without a mask.
  init(_ source: HeadSource) throws {
    guard let mask = source.tokenizer.specialTokens.mask else {
      throw ModelError.unsupported(
        path: source.configuration.encoderDirectory, what: "a tokenizer without a mask",
        supported:
          "those with [MASK] or <mask>; martlet embed --pooling mean takes the encoder alone")
    }
    self.mask = mask
    words = try WordHead(source)
  }

  func outputs(
    _ encoder: Encoder, _ sequences: [Int], _ encodings: [Encoding]
  ) -> [SequenceOutput] {
    let (states, layout) = encoder.read(sequences, keeping: .all)
    return encodings.enumerated().map { index, encoding in
      let places = encoding.ids.indices.filter { encoding.ids[$0] == mask }
      let chosen = Matrix(rows: places.count, columns: states.columns)
      for (row, place) in places.enumerated() {
        chosen.setRow(row, from: states, row: layout[index].lowerBound + place)
      }
      var output = SequenceOutput([])
      output.columns = words.words
      output.values.reserveCapacity(places.count * words.words)
      words.scores(chosen, kernels: encoder.kernels) { range, scores in
        for row in 0..<range.count { output.values += scores.row(row) }
      }
      return output
    }
  }
}
