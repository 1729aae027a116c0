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

  init(_ parameters: EncoderParameters, options: TrainingOptions) {
    let top = parameters.configuration.layerCount + 1
    depths = parameters.entries.map { entry in
      if entry.name.hasPrefix("embeddings.") { return 0 }
      let parts = entry.name.split(separator: ".")
      if parts[0] == "layers", let layer = Int(parts[1]) { return layer + 1 }
      return top
    }
    tables = parameters.entries.map { $0.name.hasPrefix("embeddings.") && $0.decays }
    decays = parameters.entries.map(\.decays)
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
  func updates(epoch: Int) -> [EntryUpdate] {
    let lowest = lowestDepth(epoch: epoch)
    return depths.indices.map { index in
      guard depths[index] >= lowest else { return EntryUpdate(rateScale: 0, decays: false) }
      var scale = pow(options.layerDecay, Double(top - depths[index]))
      if tables[index] { scale *= options.embeddingRateScale }
      return EntryUpdate(rateScale: scale, decays: decays[index])
    }
  }
}
