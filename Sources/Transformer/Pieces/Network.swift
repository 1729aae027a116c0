import Tensor

/// The pieces of a model, put together from its shape and weights.
struct Network {
  let stack: Stack
  let head: SequenceHead?

  /// The pieces for inference.
  init(_ weights: PackedWeights) {
    self.init(weights.parameters, sinusoids: weights.sinusoids) { spec in
      guard let weight = weights[spec.key] else {
        preconditionFailure("\(spec.key) is not packed")
      }
      return (weight, nil)
    }
  }

  /// The pieces for training: weights packed both ways, gradients added to `gradients`.
  init(_ parameters: ModelParameters, _ gradients: ModelParameters, packed: TrainedWeights) {
    self.init(parameters, gradients, sinusoids: parameters.shape.sinusoids) { spec in
      guard let weight = packed[spec.key], let gradient = gradients[spec.key] else {
        preconditionFailure("\(spec.key) is not packed")
      }
      let bias = ParameterKey(spec.key.place, spec.key.part, .bias)
      return (
        .float(weight.forward),
        Projection.Gradients(back: weight.back, weight: gradient, bias: gradients[bias])
      )
    }
  }

  private init(
    _ parameters: ModelParameters, _ gradients: ModelParameters? = nil, sinusoids: Matrix?,
    weight: (TensorSpec) -> (PackedWeight, Projection.Gradients?)
  ) {
    let shape = parameters.shape
    let specs = Dictionary(shape.tensors.map { ($0.key, $0) }) { first, _ in first }
    func projection(_ place: ParameterKey.Place, _ part: ParameterKey.Part) -> Projection? {
      guard let spec = specs[ParameterKey(place, part, .weight)] else { return nil }
      let (packed, gradient) = weight(spec)
      return Projection(
        key: spec.key, weight: packed, bias: parameters[place, part, .bias], gradients: gradient,
        outputs: spec.rows)
    }
    func norm(
      _ norm: NormShape?, _ place: ParameterKey.Place, _ part: ParameterKey.Part
    ) -> Normalization? {
      guard let norm, let gain = parameters[place, part, .gain],
        let shift = parameters[place, part, .shift]
      else { return nil }
      var slopes: (Matrix, Matrix)?
      if let gain = gradients?[place, part, .gain], let shift = gradients?[place, part, .shift] {
        slopes = (gain, shift)
      }
      return Normalization(shape: norm, gain: gain, shift: shift, gradients: slopes)
    }
    func required<Piece>(_ piece: Piece?) -> Piece {
      guard let piece else { preconditionFailure("the shape lists all of its tensors") }
      return piece
    }
    let dropout = shape.dropout
    let embeddings = shape.embeddings
    let embedding = TokenEmbedding(
      shape: embeddings, words: parameters.words,
      positions: sinusoids ?? parameters[.embeddings, .positions, .table],
      tokenTypes: parameters[.embeddings, .tokenTypes, .table],
      norm: norm(embeddings.norm, .embeddings, .norm),
      projection: projection(.embeddings, .projection), dropout: dropout.hidden,
      gradients: gradients.map {
        ($0.words, $0[.embeddings, .positions, .table], $0[.embeddings, .tokenTypes, .table])
      })
    var angles: RotaryAngles?
    let blocks = shape.encoder.blocks.enumerated().map { index, block in
      let place = ParameterKey.Place.block(block.weights)
      let attention = block.attention
      if attention.positions == .rotary, angles?.headSize != attention.headSize {
        angles = RotaryAngles(positions: shape.maximumTokens, headSize: attention.headSize)
      }
      // Places of the embeddings and the head come first.
      let first = UInt32(truncatingIfNeeded: index * 8)
      return Block(
        placement: block.placement,
        attention: SelfAttention(
          shape: attention, input: required(projection(place, .attentionInput)),
          angles: attention.positions == .rotary ? angles : nil, slopes: attention.distanceSlopes,
          dropout: dropout.attention, dropoutPlace: first + 2),
        attentionOutput: required(projection(place, .attentionOutput)),
        attentionNorm: norm(block.attentionNorm, place, .attentionNorm),
        feedForward: FeedForward(
          shape: block.feedForward, input: required(projection(place, .feedForwardInput))),
        feedForwardOutput: required(projection(place, .feedForwardOutput)),
        feedForwardNorm: norm(block.feedForwardNorm, place, .feedForwardNorm),
        dropout: dropout.hidden, dropoutPlaces: (first + 3, first + 4))
    }
    stack = Stack(
      embedding: embedding, blocks: blocks,
      finalNorm: norm(shape.encoder.finalNorm, .final, .norm))
    head = shape.head.map {
      SequenceHead(
        shape: $0, pool: required(projection(.head, .pool)),
        classifier: required(projection(.head, .classifier)), dropout: dropout.classifier)
    }
  }
}
