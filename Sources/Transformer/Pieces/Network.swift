import Tensor

/// The pieces of a model, put together from its shape and weights.
struct Network {
  let stack: Stack
  let head: SequenceHead?

  /// The pieces for inference.
  init(_ weights: PackedWeights) {
    self.init(
      weights.parameters, sinusoids: weights.sinusoids, angles: weights.angles,
      constants: weights.relative
    ) { spec in
      guard let weight = weights[spec.key] else {
        preconditionFailure("\(spec.key) is not packed")
      }
      return (weight, nil)
    }
  }

  /// The pieces for training: weights packed both ways, gradients added to `gradients`.
  init(_ parameters: ModelParameters, _ gradients: ModelParameters, packed: TrainedWeights) {
    self.init(
      parameters, gradients, sinusoids: parameters.shape.sinusoids, angles: parameters.shape.angles
    ) { spec in
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
    angles: [RotaryTable],
    constants: [Int: RelativeAttention.Tables] = [:],
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
      guard let norm, let gain = parameters[place, part, .gain] else { return nil }
      return Normalization(
        norm: Norm(
          norm.kind, gain: gain, bias: parameters[place, part, .shift],
          gainOffset: norm.gainOffset, epsilon: norm.epsilon),
        gradients: gradients?[place, part, .gain].map {
          ($0, gradients?[place, part, .shift])
        })
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
    func turning(_ attention: AttentionShape) -> RotaryAngles? {
      guard case .rotary(let rotary) = attention.positions else { return nil }
      return angles.first { $0.shape == rotary && $0.size == attention.form.headSize }?.angles
    }
    func residual(
      _ block: BlockShape, _ shape: NormShape?, _ output: ParameterKey.Part,
      _ part: ParameterKey.Part, _ outputPart: ParameterKey.Part, _ dropoutPlace: UInt32
    ) -> Residual {
      let place = ParameterKey.Place.block(block.weights)
      return Residual(
        placement: block.placement, output: required(projection(place, output)),
        norm: norm(shape, place, part),
        outputNorm: block.placement == .around ? norm(shape, place, outputPart) : nil,
        dropout: dropout.hidden, dropoutPlace: dropoutPlace)
    }
    let places = shape.encoder.blocks.first?.attention.positions
      .rows(longest: shape.maximumTokens).map { rows in
        let positions = shape.encoder.blocks.first?.attention.positions
        var tableNorm: NormShape?
        if case .disentangled(let shape)? = positions { tableNorm = shape.norm }
        return RelativePlaces(
          rows: rows, table: parameters[.embeddings, .relativePlaces, .table],
          norm: norm(tableNorm, .embeddings, .relativeNorm),
          gradient: gradients?[.embeddings, .relativePlaces, .table],
          isBias: positions?.buckets != nil)
      }
    func relative(_ block: BlockShape) -> RelativeAttention? {
      guard let places else { return nil }
      let place = ParameterKey.Place.block(block.weights)
      return RelativeAttention(
        shape: block.attention, places: places, keys: projection(place, .relativeKeys),
        queries: projection(place, .relativeQueries),
        table: parameters[place, .relativePlaces, .table],
        tableGradient: gradients?[place, .relativePlaces, .table],
        constant: constants[block.weights])
    }
    func convolution(_ block: BlockShape) -> Convolution? {
      let place = ParameterKey.Place.block(block.weights)
      return block.convolution.map {
        Convolution(
          shape: $0, projection: required(projection(place, .convolution)),
          norm: required(norm($0.norm, place, .convolutionNorm)))
      }
    }
    let blocks = shape.encoder.blocks.enumerated().map { index, block in
      let place = ParameterKey.Place.block(block.weights)
      let attention = block.attention
      // Places of the embeddings and the head come first.
      let first = UInt32(truncatingIfNeeded: index * 8)
      var headNorms: (Normalization, Normalization)?
      if let queries = norm(attention.headNorm, place, .queryNorm),
        let keys = norm(attention.headNorm, place, .keyNorm)
      {
        headNorms = (queries, keys)
      }
      return Block(
        placement: block.placement,
        attention: SelfAttention(
          form: attention.form, input: required(projection(place, .attentionInput)),
          headNorms: headNorms, angles: turning(attention),
          turnsValues: attention.positions.turnsValues, relative: relative(block),
          hasKeyBias: attention.hasKeyBias, dropout: dropout.attention,
          dropoutPlace: first + 2),
        attentionEnd: residual(
          block, block.attentionNorm, .attentionOutput, .attentionNorm, .attentionOutputNorm,
          first + 3),
        feedForward: FeedForward(
          shape: block.feedForward, input: required(projection(place, .feedForwardInput))),
        feedForwardEnd: residual(
          block, block.feedForwardNorm, .feedForwardOutput, .feedForwardNorm,
          .feedForwardOutputNorm, first + 4), convolution: convolution(block))
    }
    stack = Stack(
      embedding: embedding, blocks: blocks,
      finalNorm: norm(shape.encoder.finalNorm, .final, .norm), places: places)
    head = shape.head.map {
      SequenceHead(
        shape: $0, pool: projection(.head, .pool), norm: norm($0.pool?.norm, .head, .norm),
        classifier: required(projection(.head, .classifier)), dropout: dropout.classifier)
    }
  }

  /// What relative places add to the scores, by the number of the block's weights: in inference it depends on no
  /// text.
  func relativeTables(_ kernels: Kernels) -> [Int: RelativeAttention.Tables] {
    guard let places = stack.places else { return [:] }
    let pass = Pass(kernels: kernels)
    places.begin(pass)
    var tables: [Int: RelativeAttention.Tables] = [:]
    for block in stack.blocks {
      let attention = block.attention
      guard let number = attention.input.key.block, tables[number] == nil else { continue }
      tables[number] = attention.relative?.constants(attention.input, pass)
    }
    return tables
  }
}
