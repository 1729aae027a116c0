import Tensor

/// What a family's checkpoints call the head that names masked words: a layer with an activation and a norm, then a product with the
/// table of words (Devlin et al., 2019, appendix A; `BertLMPredictionHead` of transformers).
struct WordHeadNames: Sendable {
  /// The layer in front; nil where there is none.
  var dense: String?
  /// Behind it; nil for that of the blocks.
  var activation: Activation?
  /// The norm behind the activation.
  var norm: String?
  /// The last layer: a weight stands under its name where it is not the table of words.
  var decoder: String
  /// What the last layer's bias is called; the first that is there counts: models whose table is not the last layer's may keep one
  /// that nothing reads.
  var biases: [String]

  /// Names of all tensors that it may have.
  var tensors: [String] {
    [dense, norm].compactMap(\.self).flatMap { [$0 + ".weight", $0 + ".bias"] }
      + [decoder + ".weight"] + biases
  }

  /// BERT's, and that of families built on its code.
  static let bert = WordHeadNames(
    dense: "cls.predictions.transform.dense", norm: "cls.predictions.transform.LayerNorm",
    decoder: "cls.predictions.decoder",
    biases: ["cls.predictions.decoder.bias", "cls.predictions.bias"])
  /// RoBERTa's, and that of families built on its code.
  static let roberta = WordHeadNames(
    dense: "lm_head.dense", activation: .gelu, norm: "lm_head.layer_norm",
    decoder: "lm_head.decoder", biases: ["lm_head.decoder.bias", "lm_head.bias"])
  /// DeBERTa's own; transformers saves BERT's names.
  static let deberta = WordHeadNames(
    dense: "lm_predictions.lm_head.dense", norm: "lm_predictions.lm_head.LayerNorm",
    decoder: "lm_predictions.lm_head.decoder", biases: ["lm_predictions.lm_head.bias"])
  /// A product and nothing else, as decoders have it.
  static let plain = WordHeadNames(
    dense: nil, norm: nil, decoder: "lm_head", biases: ["lm_head.bias"])
}
