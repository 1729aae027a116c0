import JSON
import Tensor

extension Architecture {
  /// Gemma 2 (Gemma Team, 2024): `Gemma2Model`, read as an encoder. Llama with norms around each part, capped
  /// scores, and windows in every other layer.
  static let gemma2 = Architecture.decoder("gemma2", "Gemma2") { reader in
    var style = try gemmaStyle(reader) { $0 % 2 == 0 }
    style.softCap = Float(try reader.positive("attn_logit_softcapping", 50))
    if reader.json["attn_logit_softcapping"].map(\.isNull) ?? false { style.softCap = 0 }
    return style
  }

  /// Gemma 3 for text (Gemma Team, 2025): `Gemma3TextModel`; EmbeddingGemma sees both ways. Gemma 2 without the
  /// cap, with norms on each head's query and key.
  static let gemma3 = Architecture.decoder("gemma3_text", "Gemma3Text") { reader in
    let every = max(1, try reader.count("sliding_window_pattern", 6))
    var style = try gemmaStyle(reader) { ($0 + 1) % every != 0 }
    style.hasHeadNorms = true
    (style.theta, style.localTheta) = (1_000_000, 10_000)
    return style
  }

  private static func gemmaStyle(
    _ reader: ConfigReader, isLocal: @escaping (Int) -> Bool
  ) throws -> DecoderStyle {
    let bias = try reader.flag("attention_bias", false)
    var style = DecoderStyle(inputBias: bias, outputBias: bias)
    (style.gainOffset, style.placement, style.scalesEmbeddings) = (1, .around, true)
    (style.activationKey, style.activation) = ("hidden_activation", "gelu_pytorch_tanh")
    (style.window, style.isLocal) = (try reader.window(), isLocal)
    let scalar = try reader.positive("query_pre_attn_scalar", 256)
    style.scale = Float(1 / scalar.squareRoot())
    return style
  }
}
