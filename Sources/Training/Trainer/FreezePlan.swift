import Foundation
import Transformer

/// Which tensors learn at which share of the rate: layer-wise decay (Howard and Ruder, 2018, section
/// 3.2), frozen layers, gradual unfreezing (section 3.3), head-only epochs, a frozen encoder, and low-rank additions
/// to a frozen one.
struct FreezePlan {
  /// Number of the first tensor that learns in some epoch: those before it never change.
  let first: Int
  private let tensors: ArraySlice<TensorSpec>
  private let shape: ModelShape
  private let top: Int
  private let options: TrainingOptions

  init(_ parameters: ModelParameters, options: TrainingOptions) {
    (shape, self.options) = (parameters.shape, options)
    top = shape.layerCount + 1
    let lowest = Self.lowestDepth(epoch: options.epochs, options, shape)
    let isFrozen = options.learns == .head || shape.adapter != nil
    first =
      parameters.tensors.firstIndex { [shape] in
        isFrozen ? $0.key.place == .head : shape.depth($0.key) >= lowest
      } ?? 0
    tensors = parameters.tensors[first...]
  }

  /// The lowest depth that learns in `epoch` (from 1): 0 with the embeddings, i + 1 with layer i, one
  /// more than there are layers for the head alone.
  func lowestDepth(epoch: Int) -> Int { Self.lowestDepth(epoch: epoch, options, shape) }

  private static func lowestDepth(
    epoch: Int, _ options: TrainingOptions, _ shape: ModelShape
  ) -> Int {
    let top = shape.layerCount + 1
    if options.learns == .head { return top }
    if shape.adapter != nil { return 1 }
    if epoch <= options.headEpochs { return top }
    var lowest = options.frozenLayers > 0 ? options.frozenLayers + 1 : 0
    if options.freezesEmbeddings { lowest = max(lowest, 1) }
    if options.unfreezeEpochs > 0 {
      // The head and the last layer first, then one more layer each time.
      let opened = 1 + (epoch - options.headEpochs - 1) / options.unfreezeEpochs
      lowest = max(lowest, top - opened)
    }
    return min(lowest, top)
  }

  /// What the step of each tensor from `first` on is multiplied by in `epoch`.
  func updates(epoch: Int) -> [TensorUpdate] {
    let lowest = lowestDepth(epoch: epoch)
    return tensors.map { tensor in
      let depth = shape.depth(tensor.key)
      guard depth >= lowest else { return TensorUpdate(rateScale: 0, decays: false) }
      var scale = pow(options.layerDecay, Double(top - depth))
      if tensor.key.role == .table { scale *= options.embeddingRateScale }
      return TensorUpdate(rateScale: scale, decays: tensor.decays)
    }
  }
}
