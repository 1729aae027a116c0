import JSON
import Tensor

extension Architecture {
  /// T5 (Raffel et al., 2020), and with gates and an output of its own T5 v1.1 and Flan-T5 (Chung et al., 2022):
  /// `T5ForConditionalGeneration`. RMS norms in front, no biases, scores that are not scaled, relative buckets that all blocks of
  /// a stack share.
  static let t5: Architecture = {
    var architecture = Architecture(
      modelTypes: ["t5"], classPrefix: "T5", tensorPrefix: "", read: T5Layout.read,
      headPlan: SequenceHeadShape(activation: nil),
      names: { T5Layout.names($0, $1) })
    architecture.otherNames =
      T5Layout.words.dropFirst().map { words in { T5Layout.names($0, $1, words: words) } }
      // One table for all, in a file that does not say so.
      + [{ T5Layout.names($0, $1, output: "shared.weight") }]
    architecture.copies = T5Layout.words
    architecture.generator = "ForConditionalGeneration"
    architecture.tokenHead = nil
    return architecture
  }()
}

private enum T5Layout {
  static let words = [
    "shared.weight", "decoder.embed_tokens.weight", "encoder.embed_tokens.weight",
    "lm_head.weight",
  ]
  /// No table bounds its texts; memory does.
  private static let longestText = 2048

  @Sendable static func read(_ reader: ConfigReader) throws -> ModelShape {
    let width = try reader.size("d_model")
    let heads = try reader.size("num_heads", upTo: ConfigReader.mostHeads)
    let headSize = try reader.size("d_kv")
    guard heads <= ConfigReader.largestSize / headSize else {
      throw ModelError.badConfiguration(
        path: reader.path, key: "num_heads", problem: "(\(heads)) of width \(headSize) are too wide"
      )
    }
    let norm = NormShape.rms(epsilon: try reader.epsilon("layer_norm_epsilon", 1e-6))
    let feedForward = try feedForward(reader)
    let buckets = try reader.size("relative_attention_num_buckets", upTo: 4096)
    let farthest = try reader.optionalSize("relative_attention_max_distance") ?? 128
    guard buckets % 4 == 0, farthest > buckets / 2 else {
      throw ModelError.badConfiguration(
        path: reader.path, key: "relative_attention_num_buckets",
        problem: "is no multiple of 4 below twice relative_attention_max_distance")
    }
    func stack(_ count: Int, from first: Int) -> StackShape {
      let form = AttentionForm(heads: heads, headSize: headSize, scale: 1)
      func attention(_ form: AttentionForm, _ positions: AttentionShape.Positions) -> AttentionShape
      {
        var attention = AttentionShape(form, positions: positions)
        (attention.hasInputBias, attention.hasOutputBias) = (false, false)
        return attention
      }
      let blocks = (0..<count).map { index in
        var own = form
        if first > 0 { own.right = 0 }
        var block = BlockShape(
          weights: first + index,
          attention: attention(
            own,
            .buckets(DistanceBuckets(count: buckets, farthest: farthest, isCausal: first > 0))),
          feedForward: feedForward, norm: norm, placement: .pre)
        if first > 0 { (block.crossAttention, block.crossNorm) = (attention(form, .none), norm) }
        return block
      }
      return StackShape(width: width, blocks: blocks, finalNorm: norm)
    }
    let layers = try reader.blocks("num_layers")
    let embeddings = EmbeddingShape(
      vocabularySize: try reader.size("vocab_size"), width: width, positions: .none,
      positionCount: longestText, norm: nil)
    let padding = try reader.count("pad_token_id", 0)
    var shape = ModelShape(
      modelType: reader.modelType, embeddings: embeddings, encoder: stack(layers, from: 0),
      maximumTokens: longestText, paddingID: padding,
      dropout: DropoutShape(reader.share("dropout_rate", 0.1)))
    let isTied = try reader.flag("tie_word_embeddings", true)
    // Files since version 5 of transformers say "tied" of all.
    let isScaled = try reader.flag("scale_decoder_outputs", isTied)
    let decoderLayers = try reader.optionalSize("num_decoder_layers") ?? layers
    guard decoderLayers <= ConfigReader.mostBlocks else {
      throw ModelError.badConfiguration(
        path: reader.path, key: "num_decoder_layers", problem: "is above \(ConfigReader.mostBlocks)"
      )
    }
    shape.decoder = DecoderShape(
      embeddings: embeddings, stack: stack(decoderLayers, from: layers),
      output: OutputShape(
        isTied: isTied && isScaled, hasBias: false,
        scale: isScaled ? 1 / Float(width).squareRoot() : 1),
      startID: try reader.count("decoder_start_token_id", padding), maximumTokens: longestText)
    return shape
  }

  /// "relu", or "gated-" and an activation.
  private static func feedForward(_ reader: ConfigReader) throws -> FeedForwardShape {
    let name = try reader.name("feed_forward_proj") ?? "relu"
    let parts = name.split(separator: "-", omittingEmptySubsequences: false)
    let isGated = parts.count == 2 && parts[0] == "gated"
    // By this name alone the first files meant the approximation.
    let function = name == "gated-gelu" ? "gelu_new" : String(parts.last ?? "")
    guard parts.count == 1 || isGated, let activation = Activation(named: function),
      activation != .none
    else {
      throw ModelError.unsupported(
        path: reader.path, what: "feed_forward_proj \"\(name.prefix(100))\"",
        supported: "relu, gated-gelu, and gated- with an activation of transformers")
    }
    return FeedForwardShape(
      width: try reader.size("d_ff"), activation: activation, isGated: isGated,
      hasInputBias: false, hasOutputBias: false)
  }

  /// - Parameters:
  ///   - words: what the words' table is called.
  ///   - output: what the scores' weight is called, where it is no part of that table.
  static func names(
    _ key: ParameterKey, _ shape: ModelShape, words: String = "shared.weight",
    output: String = "lm_head.weight"
  ) -> [CheckpointSlice] {
    let (isDecoder, number) = shape.side(of: key)
    let side = isDecoder ? "decoder." : "encoder."
    let block = "\(side)block.\(number).layer."
    let last = "\(block)\(isDecoder ? 2 : 1)."
    let isGated = shape.block(key)?.feedForward.isGated == true
    switch (key.place, key.part) {
    case (.output, .words): return [.encoder(output)]
    case (_, .words): return [.encoder(words)]
    case (_, .relativePlaces):
      return [.encoder("\(side)block.0.layer.0.SelfAttention.relative_attention_bias.weight")]
    case (.final, _), (.decoderFinal, _): return [.encoder("\(side)final_layer_norm.weight")]
    case (_, .attentionInput):
      return CheckpointSlice.projections(
        ["q", "k", "v"].map { "\(block)0.SelfAttention.\($0).weight" }, key, shape)
    case (_, .attentionOutput): return [.encoder("\(block)0.SelfAttention.o.weight")]
    case (_, .attentionNorm): return [.encoder("\(block)0.layer_norm.weight")]
    case (_, .crossQuery): return [.encoder("\(block)1.EncDecAttention.q.weight")]
    case (_, .crossKeys):
      return ["k", "v"].enumerated().map {
        .encoder("\(block)1.EncDecAttention.\($1).weight", part: $0, of: 2)
      }
    case (_, .crossOutput): return [.encoder("\(block)1.EncDecAttention.o.weight")]
    case (_, .crossNorm): return [.encoder("\(block)1.layer_norm.weight")]
    case (_, .feedForwardInput):
      return (isGated ? ["wi_0", "wi_1"] : ["wi"]).enumerated().map {
        .encoder("\(last)DenseReluDense.\($1).weight", part: $0, of: isGated ? 2 : 1)
      }
    case (_, .feedForwardOutput): return [.encoder("\(last)DenseReluDense.wo.weight")]
    case (_, .feedForwardNorm): return [.encoder("\(last)layer_norm.weight")]
    default: return []
    }
  }
}
