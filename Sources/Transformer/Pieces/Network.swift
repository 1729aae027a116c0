import Tensor

/// The pieces of a model, put together from its shape and weights.
struct Network {
  let stack: Stack
  let head: SequenceHead?

  /// The pieces for inference.
  init(_ weights: PackedWeights) {
    let tensors = PieceTensors(weights)
    stack = Stack(
      tensors, sinusoids: weights.sinusoids, angles: weights.angles, constants: weights.relative)
    head = SequenceHead(tensors)
  }

  /// The pieces for training: weights packed both ways, gradients added to `gradients`, which has those tensors that
  /// learn.
  init(_ parameters: ModelParameters, _ gradients: ModelParameters, packed: TrainedWeights) {
    let tensors = PieceTensors(parameters, gradients) { spec in
      guard let weight = packed[spec.key] else {
        preconditionFailure("\(spec.key) is not packed")
      }
      return (.float(weight.forward), weight.back)
    }
    stack = Stack(
      tensors, sinusoids: parameters.shape.sinusoids, angles: parameters.shape.angles,
      constants: [:])
    head = SequenceHead(tensors)
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

extension Stack {
  /// The stack of these tensors.
  init(
    _ tensors: PieceTensors, sinusoids: Matrix?, angles: [RotaryTable],
    constants: [Int: RelativeAttention.Tables]
  ) {
    let (parameters, gradients) = (tensors.parameters, tensors.gradients)
    let shape = parameters.shape
    func projection(_ place: ParameterKey.Place, _ part: ParameterKey.Part) -> Projection? {
      tensors.projection(place, part)
    }
    func norm(
      _ norm: NormShape?, _ place: ParameterKey.Place, _ part: ParameterKey.Part
    ) -> Normalization? { tensors.norm(norm, place, part) }
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
      gradients: gradients.flatMap { gradients in
        gradients[.embeddings, .words, .table].map {
          (
            $0, gradients[.embeddings, .positions, .table],
            gradients[.embeddings, .tokenTypes, .table]
          )
        }
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
    self.init(
      embedding: embedding, blocks: blocks,
      finalNorm: norm(shape.encoder.finalNorm, .final, .norm), places: places)
  }
}

extension SequenceHead {
  /// The head of these tensors; nil where the shape has none.
  init?(_ tensors: PieceTensors) {
    let shape = tensors.parameters.shape
    guard let head = shape.head, let classifier = tensors.projection(.head, .classifier) else {
      return nil
    }
    self.init(
      shape: head, pool: tensors.projection(.head, .pool),
      norm: tensors.norm(head.pool?.norm, .head, .norm), classifier: classifier,
      dropout: shape.dropout.classifier)
  }
}
