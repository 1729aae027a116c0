import Foundation
import Transformer

/// Which tensors learn at which share of the rate: layer-wise decay (Howard and Ruder, 2018, section
/// 3.2), frozen layers, gradual unfreezing (section 3.3) and head-only epochs.
struct FreezePlan {
  private let depths: [Int]
  private let tables: [Bool]
  private let decays: [Bool]
  private let top: Int
  private let options: TrainingOptions

  init(_ parameters: ModelParameters, options: TrainingOptions) {
    let top = parameters.shape.layerCount + 1
    depths = parameters.tensors.map { tensor in
      switch tensor.key.place {
      case .embeddings: 0
      case .block(let index): index + 1
      case .final, .head: top
      }
    }
    tables = parameters.tensors.map { $0.key.role == .table }
    decays = parameters.tensors.map(\.decays)
    self.top = top
    self.options = options
  }

  /// The lowest depth that learns in `epoch` (from 1): 0 with the embeddings, i + 1 with layer i, one
  /// more than there are layers for the head alone.
  func lowestDepth(epoch: Int) -> Int {
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

  /// What each tensor's step is multiplied by in `epoch`.
  func updates(epoch: Int) -> [TensorUpdate] {
    let lowest = lowestDepth(epoch: epoch)
    return depths.indices.map { index in
      guard depths[index] >= lowest else { return TensorUpdate(rateScale: 0, decays: false) }
      var scale = pow(options.layerDecay, Double(top - depths[index]))
      if tables[index] { scale *= options.embeddingRateScale }
      return TensorUpdate(rateScale: scale, decays: decays[index])
    }
  }
}
