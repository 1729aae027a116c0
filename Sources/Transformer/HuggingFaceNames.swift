import Foundation

/// Names that Hugging Face's checkpoints give the tensors, family by family.
struct HuggingFaceNames {
  let configuration: EncoderConfiguration
  /// Put before encoder tensors: "bert." in a model with a head, nothing in a bare one.
  let prefix: String

  /// The checkpoint's tensors that make up one of ours, with the rows that each fills. Most are one;
  /// the fused projection is three.
  func sources(_ entry: ParameterEntry) -> [(name: String, rows: Range<Int>)] {
    let parts = entry.name.split(separator: ".").map(String.init)
    if parts[0] == "layers", let index = Int(parts[1]) {
      return layer(index, parts.dropFirst(2).joined(separator: "."), entry)
    }
    return [(single(entry.name), 0..<entry.rows)]
  }

  /// The tensor that holds the position table.
  var positions: String { prefix + "embeddings.position_embeddings.weight" }

  /// The prefix of the family's encoder inside a model with a head.
  static func prefix(_ family: EncoderConfiguration.Family) -> String {
    switch family {
    case .bert: "bert."
    case .distilbert: "distilbert."
    case .roberta, .xlmRoberta: "roberta."
    case .robertaPreLayerNorm: "roberta_prelayernorm."
    }
  }

  private var isDistilBERT: Bool { configuration.family == .distilbert }

  private func single(_ name: String) -> String {
    switch name {
    case "embeddings.words": return prefix + "embeddings.word_embeddings.weight"
    case "embeddings.positions": return positions
    case "embeddings.tokenTypes": return prefix + "embeddings.token_type_embeddings.weight"
    case "embeddings.norm.gain": return prefix + "embeddings.LayerNorm.weight"
    case "embeddings.norm.shift": return prefix + "embeddings.LayerNorm.bias"
    case "final.norm.gain": return prefix + "LayerNorm.weight"
    case "final.norm.shift": return prefix + "LayerNorm.bias"
    default: return head(name)
    }
  }

  private func head(_ name: String) -> String {
    let kind = name.hasSuffix("weight") ? "weight" : "bias"
    let pool = name.hasPrefix("head.pool")
    switch configuration.family {
    case .bert: return pool ? "\(prefix)pooler.dense.\(kind)" : "classifier.\(kind)"
    case .distilbert: return pool ? "pre_classifier.\(kind)" : "classifier.\(kind)"
    case .roberta, .xlmRoberta, .robertaPreLayerNorm:
      return pool ? "classifier.dense.\(kind)" : "classifier.out_proj.\(kind)"
    }
  }

  private func layer(
    _ index: Int, _ name: String, _ entry: ParameterEntry
  ) -> [(name: String, rows: Range<Int>)] {
    let stem = prefix + (isDistilBERT ? "transformer.layer" : "encoder.layer") + ".\(index)."
    let kind: String
    switch name.split(separator: ".").last {
    case "gain", "weight": kind = "weight"
    default: kind = "bias"
    }
    if name.hasPrefix("attention.fused") {
      let width = configuration.hiddenSize
      let names =
        isDistilBERT
        ? ["attention.q_lin", "attention.k_lin", "attention.v_lin"]
        : ["attention.self.query", "attention.self.key", "attention.self.value"]
      return names.enumerated().map { part, name in
        // Fused biases are one row of 3d; `rows` then counts columns' thirds.
        ("\(stem)\(name).\(kind)", part * width..<(part + 1) * width)
      }
    }
    let preNorm = configuration.normalization == .pre
    let place: String
    switch name.split(separator: ".").dropLast().joined(separator: ".") {
    case "attention.output": place = isDistilBERT ? "attention.out_lin" : "attention.output.dense"
    case "attention.norm":
      place =
        isDistilBERT
        ? "sa_layer_norm" : preNorm ? "attention.LayerNorm" : "attention.output.LayerNorm"
    case "feedForward.up": place = isDistilBERT ? "ffn.lin1" : "intermediate.dense"
    case "feedForward.down": place = isDistilBERT ? "ffn.lin2" : "output.dense"
    default:
      place =
        isDistilBERT
        ? "output_layer_norm" : preNorm ? "intermediate.LayerNorm" : "output.LayerNorm"
    }
    return [("\(stem)\(place).\(kind)", 0..<entry.rows)]
  }
}
