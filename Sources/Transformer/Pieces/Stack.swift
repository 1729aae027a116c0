import Tensor

/// Embeddings, blocks and the final norm: from token ids to hidden states, and back to gradients.
struct Stack {
  let embedding: TokenEmbedding
  let blocks: [Block]
  let finalNorm: Normalization?
  let places: RelativePlaces?

  /// Hidden states of the rows that `kept` chooses.
  func forward(_ batch: TokenBatch, keeping kept: RowSelection, _ pass: Pass) -> Matrix {
    pass.begin(batch.layout, seen: batch.seen)
    if pass.recorder != nil { places?.begin(pass) }
    var hidden = embedding.forward(batch, pass)
    for (index, block) in blocks.enumerated() {
      hidden = block.forward(hidden, keeping: index == blocks.count - 1 ? kept : .all, pass)
    }
    return finalNorm?.forward(hidden, pass) ?? hidden
  }

  /// Adds ∂loss/∂parameters to the gradients, from ∂loss/∂states, down to `depth`: 0 for all, i + 1 for block
  /// i and above.
  func backward(
    _ statesGradient: Matrix, _ batch: TokenBatch, keeping kept: RowSelection, downTo depth: Int,
    _ pass: Pass
  ) {
    var gradient = finalNorm?.backward(statesGradient, pass) ?? statesGradient
    for index in blocks.indices.reversed() where index + 1 >= depth {
      gradient = blocks[index].backward(
        gradient, keeping: index == blocks.count - 1 ? kept : .all, pass)
    }
    guard depth == 0 else { return }
    embedding.backward(gradient, batch, pass)
    places?.end(pass)
  }
}
