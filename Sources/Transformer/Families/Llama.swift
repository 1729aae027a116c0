import JSON
import Tensor

extension Architecture {
  /// Llama (Touvron et al., 2023): `LlamaModel`, read as an encoder. Causal, RMS norms in front, rotary places,
  /// gated feed-forward, fewer keys than queries; the last token speaks for the text.
  static let llama = Architecture.decoder("llama", "Llama") { reader in
    let bias = try reader.flag("attention_bias", false)
    return DecoderStyle(
      inputBias: bias, outputBias: bias, feedForwardBias: try reader.flag("mlp_bias", false))
  }

  /// Mistral (Jiang et al., 2023): `MistralModel`. Llama with a window in all layers.
  static let mistral = Architecture.decoder("mistral", "Mistral") { reader in
    DecoderStyle(window: try reader.window()) { _ in true }
  }

  /// Qwen2 (Yang et al., 2024): `Qwen2Model`. Llama with biases on queries, keys and values.
  static let qwen2 = Architecture.decoder("qwen2", "Qwen2") { reader in
    var style = try qwenStyle(reader)
    style.inputBias = true
    return style
  }

  /// Qwen3 (Yang et al., 2025): `Qwen3Model`. Llama with norms on each head's query and key.
  static let qwen3 = Architecture.decoder("qwen3", "Qwen3") { reader in
    var style = try qwenStyle(reader)
    let bias = try reader.flag("attention_bias", false)
    (style.inputBias, style.outputBias, style.hasHeadNorms) = (bias, bias, true)
    return style
  }

  private static func qwenStyle(_ reader: ConfigReader) throws -> DecoderStyle {
    guard try reader.flag("use_sliding_window", false) else { return DecoderStyle() }
    let full = try reader.count("max_window_layers", 28)
    return DecoderStyle(window: try reader.window()) { $0 >= full }
  }

  /// EuroBERT (Boizard et al., 2025): `EuroBertModel`. Llama that sees both ways, with an encoder's head.
  static let euroBERT = Architecture(
    modelTypes: ["eurobert"], classPrefix: "EuroBert", tensorPrefix: "model.",
    read: { reader in
      let bias = try reader.flag("attention_bias", false)
      var style = DecoderStyle(
        inputBias: bias, outputBias: bias, feedForwardBias: try reader.flag("mlp_bias", false))
      (style.isCausal, style.epsilon) = (false, 1e-5)
      var shape = try DecoderLayout.read(reader, style)
      try reader.require("classifier_pooling", oneOf: ["bos", "mean", "late"])
      switch reader.json["classifier_pooling"]?.stringValue {
      case "bos": shape.headPlan.reading = .first
      case "mean": shape.headPlan.reading = .mean
      default: shape.headPlan.reading = .late
      }
      return shape
    },
    headPlan: SequenceHeadShape(activation: .gelu),
    names: { key, shape in
      switch (key.place, key.part) {
      case (.head, .pool): [.head("dense.\(key.moduleSuffix)")]
      case (.head, _): [.head("classifier.\(key.moduleSuffix)")]
      default: DecoderLayout.names(key, shape)
      }
    })

  /// A decoder that is read as an encoder, with one layer on the last token.
  static func decoder(
    _ modelType: String, _ classPrefix: String,
    _ style: @escaping @Sendable (ConfigReader) throws -> DecoderStyle
  ) -> Architecture {
    var head = SequenceHeadShape(activation: nil)
    (head.reading, head.hasBias) = (.last, false)
    return Architecture(
      modelTypes: [modelType], classPrefix: classPrefix, tensorPrefix: "model.",
      read: { try DecoderLayout.read($0, try style($0)) }, headPlan: head,
      names: { DecoderLayout.names($0, $1) }, tokenHead: "score")
  }
}

/// What sets one family of decoders apart from another.
struct DecoderStyle {
  var inputBias = false
  var outputBias = false
  var feedForwardBias = false
  var epsilon: Float = 1e-6
  var gainOffset: Float = 0
  var hasHeadNorms = false
  var placement = BlockShape.Placement.pre
  var isCausal = true
  /// Tokens that a layer with a window sees, itself among them.
  var window: Int?
  /// Which layers have a window, where `layer_types` does not say.
  var isLocal: (Int) -> Bool = { _ in false }
  var activationKey = "hidden_act"
  var activation = "silu"
  /// The base of the angles, and in layers with a window.
  var theta = 10000.0
  var localTheta: Double?
  var scale: Float?
  var softCap: Float = 0
  var scalesEmbeddings = false
}

/// The keys and tensor names that Llama gave all families built on its code.
enum DecoderLayout {
  /// Longer texts are for generation; tables of angles grow with the longest.
  private static let longestText = 32768

  static func read(_ reader: ConfigReader, _ style: DecoderStyle) throws -> ModelShape {
    let width = try reader.size("hidden_size")
    var form = try reader.attentionForm(width: width, keyValueHeads: "num_key_value_heads")
    if let scale = style.scale { form.scale = scale }
    form.softCap = style.softCap
    let epsilon = try reader.epsilon("rms_norm_eps", style.epsilon)
    let norm = NormShape.rms(epsilon: epsilon, gainOffset: style.gainOffset)
    let isCausal = try style.isCausal && !isBidirectional(reader)
    let turning = try rotary(reader, style, form.headSize)
    let feedForward = FeedForwardShape(
      width: try reader.size("intermediate_size"),
      activation: try reader.activation(style.activationKey, style.activation), isGated: true,
      hasInputBias: style.feedForwardBias, hasOutputBias: style.feedForwardBias)
    let layers = try reader.blocks("num_hidden_layers")
    let locals = try reader.localLayers(layers, style.isLocal)
    if style.window == nil, locals.contains(true), reader.json["layer_types"]?.arrayValue != nil {
      throw ModelError.badConfiguration(
        path: reader.path, key: "sliding_window",
        problem: "is missing or not in use, and \"layer_types\" names layers with a window")
    }
    let blocks = locals.enumerated().map { index, isLocal in
      var form = form
      if isCausal { form.right = 0 }
      if isLocal, let window = style.window {
        // A window to both sides is halved, as Gemma has it.
        if isCausal {
          form.left = window - 1
        } else {
          (form.left, form.right) = (window / 2, window / 2)
        }
      }
      var attention = AttentionShape(
        form, positions: .rotary(isLocal ? turning.local : turning.all))
      (attention.hasInputBias, attention.hasOutputBias) = (style.inputBias, style.outputBias)
      if style.hasHeadNorms { attention.headNorm = norm }
      return BlockShape(
        weights: index, attention: attention, feedForward: feedForward, norm: norm,
        placement: style.placement)
    }
    let longest = min(try reader.size("max_position_embeddings"), longestText)
    var embeddings = EmbeddingShape(
      vocabularySize: try reader.size("vocab_size"), width: width, positions: .none,
      positionCount: longest, norm: nil)
    if style.scalesEmbeddings { embeddings.scale = Float(width).squareRoot() }
    return ModelShape(
      modelType: reader.modelType, embeddings: embeddings,
      encoder: StackShape(width: width, blocks: blocks, finalNorm: norm), maximumTokens: longest,
      paddingID: try reader.count("pad_token_id", 0),
      dropout: DropoutShape(
        0, attention: reader.share("attention_dropout", 0),
        classifier: reader.share("classifier_dropout", 0)))
  }

  private static func isBidirectional(_ reader: ConfigReader) throws -> Bool {
    let isCausal = try reader.flag("is_causal", true)
    return try reader.flag("use_bidirectional_attention", false) || !isCausal
  }

  private static func rotary(
    _ reader: ConfigReader, _ style: DecoderStyle, _ size: Int
  ) throws -> (all: RotaryShape, local: RotaryShape) {
    let all = try reader.rotary(headSize: size, theta: style.theta, kind: "full_attention")
    guard let theta = style.localTheta else { return (all, all) }
    var local = try reader.rotary(
      headSize: size, theta: theta, kind: "sliding_attention", thetaKey: "rope_local_base_freq")
    // The older `rope_scaling` is of the layers that see all.
    if reader.json["rope_parameters"]?["sliding_attention"] == nil { local.scaling = .none }
    return (all, local)
  }

  static func names(_ key: ParameterKey, _ shape: ModelShape) -> [CheckpointSlice] {
    let kind = key.moduleSuffix
    let block = "layers.\(key.block ?? 0)."
    let isAround = shape.block(key)?.placement == .around
    switch (key.place, key.part) {
    case (_, .words): return [.encoder("embed_tokens.weight")]
    case (.final, _): return [.encoder("norm.\(kind)")]
    case (.head, _): return [.head("score.\(kind)")]
    case (_, .attentionInput):
      return CheckpointSlice.projections(
        ["q_proj", "k_proj", "v_proj"].map { "\(block)self_attn.\($0).\(kind)" }, key, shape)
    case (_, .attentionOutput): return [.encoder("\(block)self_attn.o_proj.\(kind)")]
    case (_, .queryNorm): return [.encoder("\(block)self_attn.q_norm.\(kind)")]
    case (_, .keyNorm): return [.encoder("\(block)self_attn.k_norm.\(kind)")]
    case (_, .attentionNorm): return [.encoder("\(block)input_layernorm.\(kind)")]
    case (_, .attentionOutputNorm): return [.encoder("\(block)post_attention_layernorm.\(kind)")]
    case (_, .feedForwardInput):
      return ["gate_proj", "up_proj"].enumerated().map { part, name in
        .encoder("\(block)mlp.\(name).\(kind)", part: part, of: 2)
      }
    case (_, .feedForwardOutput): return [.encoder("\(block)mlp.down_proj.\(kind)")]
    case (_, .feedForwardNorm):
      let name = isAround ? "pre_feedforward_layernorm" : "post_attention_layernorm"
      return [.encoder("\(block)\(name).\(kind)")]
    case (_, .feedForwardOutputNorm):
      return [.encoder("\(block)post_feedforward_layernorm.\(kind)")]
    default: return []
    }
  }
}
