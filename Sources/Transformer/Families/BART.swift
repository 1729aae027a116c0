import JSON
import Tensor

extension Architecture {
  /// BART (Lewis et al., 2020): `BartForConditionalGeneration`. Learned places from row 2 on, a norm over the embeddings,
  /// norms behind each residual sum.
  static let bart = Architecture.likeBART(
    "bart", "Bart", BARTStyle(hasEmbeddingNorm: true, defaultStart: 2))
}

/// What sets one of the families built on BART's code apart from another.
struct BARTStyle: Sendable {
  var placement = BlockShape.Placement.post
  var positions = EmbeddingShape.PositionTable.learned
  var sinusoids = EmbeddingShape.Sinusoids.neighbours
  /// Row that the first place takes.
  var offset = 2
  var countsPadding = true
  var hasEmbeddingNorm = false
  var hasOutputBias = true
  var defaultPadding = 1
  /// `decoder_start_token_id` where the file does not say; nil for the padding token.
  var defaultStart: Int?
  var activation = "gelu"
}

extension Architecture {
  /// A family built on BART's code.
  static func likeBART(
    _ modelType: String, _ classPrefix: String, _ style: BARTStyle,
    generator: String = "ForConditionalGeneration",
    write: (@Sendable (ModelShape) -> JSONObject)? = nil
  ) -> Architecture {
    var architecture = Architecture(
      modelTypes: [modelType], classPrefix: classPrefix, tensorPrefix: "model.",
      read: { try BARTLayout.read($0, style) }, headPlan: SequenceHeadShape(activation: nil),
      write: write, names: { BARTLayout.names($0, $1, words: BARTLayout.words[0]) })
    architecture.otherNames = BARTLayout.words.dropFirst().map { words in
      { BARTLayout.names($0, $1, words: words) }
    }
    (architecture.copies, architecture.generator) = (
      BARTLayout.words + ["lm_head.weight"], generator
    )
    architecture.tokenHead = nil
    return architecture
  }
}

/// The keys and tensor names that BART gave all families built on its code.
enum BARTLayout {
  /// Names that the words' table may have.
  static let words = [
    "shared.weight", "decoder.embed_tokens.weight", "encoder.embed_tokens.weight",
  ]

  static func read(_ reader: ConfigReader, _ style: BARTStyle) throws -> ModelShape {
    guard try reader.flag("share_encoder_decoder_embeddings", true) else {
      throw ModelError.unsupported(
        path: reader.path, what: "share_encoder_decoder_embeddings false",
        supported: "one table of words for both sides")
    }
    let width = try reader.size("d_model")
    let places = try reader.size("max_position_embeddings")
    let padding = try reader.count("pad_token_id", style.defaultPadding)
    let norm = NormShape.layer(epsilon: 1e-5)
    var embeddings = EmbeddingShape(
      vocabularySize: try reader.size("vocab_size"), width: width, positions: style.positions,
      positionCount: places + style.offset, positionOffset: style.offset,
      norm: style.hasEmbeddingNorm ? norm : nil)
    (embeddings.sinusoids, embeddings.countsPadding) = (style.sinusoids, style.countsPadding)
    if try reader.flag("scale_embedding", false) { embeddings.scale = Float(width).squareRoot() }
    func stack(_ side: String, from first: Int) throws -> StackShape {
      let heads = try reader.heads("\(side)_attention_heads", dividing: width)
      let form = AttentionForm(heads: heads, headSize: width / heads)
      let feedForward = FeedForwardShape(
        width: try reader.size("\(side)_ffn_dim"),
        activation: try reader.activation("activation_function", style.activation))
      let blocks = try (0..<reader.blocks("\(side)_layers")).map { index in
        var own = form
        if first > 0 { own.right = 0 }
        var block = BlockShape(
          weights: first + index, attention: AttentionShape(own), feedForward: feedForward,
          norm: norm, placement: style.placement)
        if first > 0 { (block.crossAttention, block.crossNorm) = (AttentionShape(form), norm) }
        return block
      }
      return StackShape(
        width: width, blocks: blocks, finalNorm: style.placement == .post ? nil : norm)
    }
    let encoder = try stack("encoder", from: 0)
    var shape = ModelShape(
      modelType: reader.modelType, embeddings: embeddings, encoder: encoder, maximumTokens: places,
      paddingID: padding,
      dropout: DropoutShape(
        reader.share("dropout", 0.1), attention: reader.share("attention_dropout", 0),
        classifier: reader.share("classifier_dropout", 0)))
    shape.decoder = DecoderShape(
      embeddings: embeddings, stack: try stack("decoder", from: encoder.blocks.count),
      output: OutputShape(
        isTied: try reader.flag("tie_word_embeddings", true), hasBias: style.hasOutputBias),
      startID: try reader.count("decoder_start_token_id", style.defaultStart ?? padding),
      maximumTokens: places)
    return shape
  }

  /// - Parameter words: what the words' table is called.
  static func names(_ key: ParameterKey, _ shape: ModelShape, words: String) -> [CheckpointSlice] {
    let kind = key.moduleSuffix
    let (isDecoder, number) = shape.side(of: key)
    let side = isDecoder ? "decoder." : "encoder."
    let block = "\(side)layers.\(number)."
    func projections(_ module: String, _ names: [String]) -> [String] {
      names.map { "\(block)\(module).\($0)_proj.\(kind)" }
    }
    switch (key.place, key.part) {
    case (.output, .words):
      return [.head(key.role == .bias ? "final_logits_bias" : "lm_head.weight")]
    case (_, .words): return [.encoder(words)]
    case (_, .positions): return [.encoder("\(side)embed_positions.weight")]
    case (.final, .norm), (.decoderFinal, .norm): return [.encoder("\(side)layer_norm.\(kind)")]
    case (_, .norm): return [.encoder("\(side)layernorm_embedding.\(kind)")]
    case (_, .attentionInput):
      return CheckpointSlice.projections(projections("self_attn", ["q", "k", "v"]), key, shape)
    case (_, .attentionOutput): return [.encoder("\(block)self_attn.out_proj.\(kind)")]
    case (_, .attentionNorm): return [.encoder("\(block)self_attn_layer_norm.\(kind)")]
    case (_, .crossQuery): return [.encoder("\(block)encoder_attn.q_proj.\(kind)")]
    case (_, .crossKeys):
      return projections("encoder_attn", ["k", "v"]).enumerated().map {
        .encoder($1, part: $0, of: 2)
      }
    case (_, .crossOutput): return [.encoder("\(block)encoder_attn.out_proj.\(kind)")]
    case (_, .crossNorm): return [.encoder("\(block)encoder_attn_layer_norm.\(kind)")]
    case (_, .feedForwardInput): return [.encoder("\(block)fc1.\(kind)")]
    case (_, .feedForwardOutput): return [.encoder("\(block)fc2.\(kind)")]
    case (_, .feedForwardNorm): return [.encoder("\(block)final_layer_norm.\(kind)")]
    default: return []
    }
  }
}
