import Tensor

/// What every tape has: a model in training, packed for its products, and a pass that records.
///
/// Not thread-safe itself; `kernels` may use several threads inside, with the same bits for any number.
public class Tape {
  private let parameters: ModelParameters
  private let packed: TrainedWeights
  let network: Network
  let recorder = Recorder()
  let pass: Pass

  /// A tape that reads `parameters` and adds to `gradients`, both of the same shape; `gradients` may be a tail that has the
  /// tensors that learn alone.
  public init(parameters: ModelParameters, gradients: ModelParameters, kernels: Kernels) {
    self.parameters = parameters
    packed = TrainedWeights(parameters, learning: gradients, kernels: kernels)
    network = Network(parameters, gradients, packed: packed)
    pass = Pass(kernels: kernels, recorder: recorder)
  }

  /// Packs the weights anew: call after each change of the parameters.
  public func packWeights() { packed.repack(parameters) }

  /// The weights as inference reads them, in this tape's storage: valid until the next `packWeights`.
  public func packedWeights() -> PackedWeights {
    PackedWeights(parameters, products: packed.forInference, kernels: pass.kernels)
  }
}
