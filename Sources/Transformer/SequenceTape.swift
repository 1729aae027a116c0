import Tensor

/// An encoder–decoder in training: the forward pass that keeps what its gradient needs. The decoder reads each target's tokens
/// but the last, behind the first token that begins all, and is to say the next one (teacher forcing).
public final class SequenceTape: Tape {
  private var run: (source: TokenBatch, target: TokenBatch, states: SourceStates)?

  /// A tape that reads `parameters`, which have a decoder, and adds to `gradients`, both of the same shape.
  public override init(
    parameters: ModelParameters, gradients: ModelParameters, kernels: Kernels
  ) {
    precondition(parameters.shape.decoder != nil, "an encoder-decoder")
    super.init(parameters: parameters, gradients: gradients, kernels: kernels)
  }

  /// Scores of the words behind each token of `targets`, [tokens, vocabulary]; `dropoutSeed` nil switches dropout off.
  public func forward(
    _ sources: TokenBatch, _ targets: TokenBatch, dropoutSeed: UInt32?
  ) -> Matrix {
    guard let decoder = network.decoder else { preconditionFailure("an encoder-decoder") }
    recorder.begin(dropoutSeed: dropoutSeed)
    pass.source = nil
    let rows = network.stack.forward(sources, keeping: .all, pass)
    let gradient = recorder.matrix(rows.rows, rows.columns)
    gradient.zero()
    let states = SourceStates(rows: rows, layout: sources.layout, gradient: gradient)
    pass.source = states
    run = (sources, targets, states)
    return decoder.forward(targets, keeping: .all, pass)
  }

  /// Adds ∂loss/∂parameters to the gradients, from ∂loss/∂scores of the last forward pass.
  public func backward(_ scoresGradient: Matrix) {
    guard let run, let decoder = network.decoder else {
      preconditionFailure("backward comes after forward")
    }
    decoder.backward(scoresGradient, run.target, pass)
    pass.begin(run.source.layout)
    network.stack.backward(run.states.gradient, run.source, keeping: .all, downTo: 0, pass)
  }
}
