import Tensor

/// A model in training: the same forward pass as `Encoder`'s, which keeps what its gradient needs.
public final class EncoderTape: Tape {
  private var run: (batch: TokenBatch, kept: RowSelection)?

  /// Logits [sequences, labels] of `batch`; `dropoutSeed` nil switches dropout off.
  public func forward(_ batch: TokenBatch, dropoutSeed: UInt32?) -> Matrix {
    guard let head = network.head else { preconditionFailure("training needs a head") }
    return head.forward(states(batch, keeping: head.kept, dropoutSeed: dropoutSeed), pass).logits
  }

  /// Logits [sequences, labels] of sequences whose states are known: `headStates` of `Encoder.headStates`.
  public func forward(headStates: Matrix, dropoutSeed: UInt32?) -> Matrix {
    guard let head = network.head else { preconditionFailure("training needs a head") }
    recorder.begin(dropoutSeed: dropoutSeed)
    run = nil
    pass.begin(RaggedRows(ofSingles: headStates.rows))
    return head.forward(headStates, pass).logits
  }

  /// Hidden states [rows, d] of the batch's tokens number `rows`, in that order; `dropoutSeed` nil
  /// switches dropout off. Valid until the next call.
  public func states(_ batch: TokenBatch, rows: [Int], dropoutSeed: UInt32?) -> Matrix {
    states(batch, keeping: .rows(rows), dropoutSeed: dropoutSeed)
  }

  private func states(
    _ batch: TokenBatch, keeping kept: RowSelection, dropoutSeed: UInt32?
  ) -> Matrix {
    recorder.begin(dropoutSeed: dropoutSeed)
    run = (batch, kept)
    return network.stack.forward(batch, keeping: kept, pass)
  }

  /// Adds ∂loss/∂parameters to the gradients, from ∂loss/∂logits of the last forward pass, down to
  /// `depth`: 0 for all, i + 1 for block i and above, blocks + 1 for the head alone.
  public func backward(_ logitsGradient: Matrix, downTo depth: Int = 0) {
    guard let head = network.head else { preconditionFailure("training needs a head") }
    let gradient = head.backward(logitsGradient, pass)
    if depth <= network.stack.blocks.count { backwardStates(gradient, downTo: depth) }
  }

  /// The same from ∂loss/∂states of the last call of `states`.
  public func backwardStates(_ statesGradient: Matrix, downTo depth: Int = 0) {
    guard let run else { preconditionFailure("backward comes after forward") }
    network.stack.backward(
      statesGradient, run.batch, keeping: run.kept, downTo: depth, pass)
  }
}
