import Tensor

extension Encoder {
  /// Reads sources: what the decoder's blocks need of each, in order.
  package func sources(_ batch: TokenBatch) -> [SourceKeys] {
    guard let decoder else { preconditionFailure("this model has no decoder") }
    let states = run(batch, keeping: .all)
    let kept = decoder.stack.blocks.map { block in
      block.cross?.attention.kept(states, pass) ?? Matrix(rows: states.rows, columns: 0)
    }
    return (0..<batch.layout.count).map { sequence in
      SourceKeys(kept.map { $0.rowRange(batch.layout[sequence]) })
    }
  }

  /// A text that is to be written from `source`.
  package func begin(_ source: SourceKeys) -> SequenceCache {
    SequenceCache(source, blocks: decoder?.stack.blocks.count ?? 0)
  }

  /// Reads the next tokens of some texts; the scores of words behind each text's last token, [texts, vocabulary], or behind every
  /// token. Valid until the next call. A text's scores have the same bits whatever others are in the step.
  package func step(
    _ tokens: [[Int32]], _ caches: [SequenceCache], keepsAll: Bool = false
  ) throws(EmptySequence) -> Matrix {
    guard let decoder else { preconditionFailure("this model has no decoder") }
    let batch = try TokenBatch(tokens, firstPlaces: caches.map(\.count))
    pass.caches = caches
    defer { pass.caches = nil }
    let scores = decoder.forward(batch, keeping: keepsAll ? .all : .lasts, pass)
    for (cache, tokens) in zip(caches, tokens) { cache.advance(by: tokens.count) }
    return scores
  }

  private var decoder: Decoder? { network.decoder }
}
