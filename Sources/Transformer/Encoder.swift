import Tensor

/// A model for inference: weights packed once, workspace reused, nothing kept for gradients.
///
/// Not thread-safe: one for each worker.
public final class Encoder {
  /// The shape.
  public let shape: ModelShape
  /// What the head's last layer read in the latest call of `logits`, [sequences, d]; valid until the next call.
  public private(set) var pooled: Matrix?
  private let network: Network
  private let pass: Pass

  /// An encoder with these weights.
  public init(_ weights: PackedWeights, kernels: Kernels) {
    shape = weights.parameters.shape
    network = Network(weights)
    pass = Pass(kernels: kernels)
  }

  /// Sees what goes into each product of the blocks; for measuring activations before quantising.
  public var observer: ((ParameterKey, Matrix) -> Void)? {
    get { pass.observer }
    set { pass.observer = newValue }
  }

  /// Called before each product, so that a slow model can be told from a hung one.
  public var progress: (() -> Void)? {
    get { pass.progress }
    set { pass.progress = newValue }
  }

  /// Hidden states of all tokens, [tokens, d]; valid until the next call.
  public func hiddenStates(_ batch: TokenBatch) -> Matrix {
    network.stack.forward(batch, keeping: .all, pass)
  }

  /// The head's scores before softmax, [sequences, labels]; valid until the next call.
  public func logits(_ batch: TokenBatch) -> Matrix {
    guard let head = network.head else {
      preconditionFailure("this model has no classification head")
    }
    let (pooled, logits) = head.forward(
      network.stack.forward(batch, keeping: head.kept, pass), pass)
    self.pooled = pooled
    return logits
  }
}
