import Tensor

/// The pieces of a model, put together from its shape and weights.
struct Network {
  let stack: Stack
  let decoder: Decoder?
  let head: SequenceHead?

  /// The pieces for inference.
  init(_ weights: PackedWeights) {
    let tensors = PieceTensors(weights)
    stack = Stack(
      tensors, .encoder(weights.parameters.shape, weights.sinusoids), angles: weights.angles,
      constants: weights.relative)
    decoder = Decoder(tensors, positions: weights.sinusoids, constants: weights.relative)
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
    let positions = ConstantPositions(parameters.shape)
    stack = Stack(
      tensors, .encoder(parameters.shape, positions), angles: parameters.shape.angles,
      constants: [:])
    decoder = Decoder(tensors, positions: positions, constants: [:])
    head = SequenceHead(tensors)
  }

  /// What relative places add to the scores, by the number of the block's weights: in inference it depends on no
  /// text.
  func relativeTables(_ kernels: Kernels) -> [Int: RelativeAttention.Tables] {
    var tables: [Int: RelativeAttention.Tables] = [:]
    for stack in [stack, decoder?.stack].compactMap(\.self) {
      guard let places = stack.places else { continue }
      let pass = Pass(kernels: kernels)
      places.begin(pass)
      for block in stack.blocks {
        let attention = block.attention
        guard let number = attention.input.key.block, tables[number] == nil else { continue }
        tables[number] = attention.relative?.constants(attention.input, pass)
      }
    }
    return tables
  }
}

extension Stack {
  /// Which stack of a model it is, with what is constant in it.
  struct Part {
    var embeddings: EmbeddingShape
    var stack: StackShape
    /// Where its tables and its last norm are.
    var place, final: ParameterKey.Place
    /// Longest text in tokens.
    var longest: Int
    /// Blocks that come before its own, and blocks of the whole model.
    var before, all: Int
    var positions: Matrix?

    static func encoder(_ shape: ModelShape, _ constant: ConstantPositions) -> Part {
      Part(
        embeddings: shape.embeddings, stack: shape.encoder, place: .embeddings, final: .final,
        longest: shape.maximumTokens, before: 0, all: shape.blocks.count,
        positions: constant.encoder)
    }

    static func decoder(_ shape: ModelShape, _ constant: ConstantPositions) -> Part? {
      guard let decoder = shape.decoder else { return nil }
      return Part(
        embeddings: decoder.embeddings, stack: decoder.stack, place: .decoderEmbeddings,
        final: .decoderFinal, longest: decoder.maximumTokens, before: shape.encoder.blocks.count,
        all: shape.blocks.count, positions: constant.decoder)
    }
  }

  /// The stack of these tensors.
  init(
    _ tensors: PieceTensors, _ part: Part, angles: [RotaryTable],
    constants: [Int: RelativeAttention.Tables]
  ) {
    let (parameters, gradients) = (tensors.parameters, tensors.gradients)
    let dropout = parameters.shape.dropout
    let (place, embeddings) = (part.place, part.embeddings)
    let embedding = TokenEmbedding(
      shape: embeddings, words: parameters.words,
      positions: part.positions ?? parameters[place, .positions, .table],
      tokenTypes: parameters[place, .tokenTypes, .table],
      norm: tensors.norm(embeddings.norm, place, .norm),
      projection: tensors.projection(place, .projection), dropout: dropout.hidden,
      // The first place; a second stack's is behind those of all blocks.
      dropoutPlace: part.before == 0 ? 1 : UInt32(truncatingIfNeeded: part.all * 8 + 2),
      gradients: gradients.flatMap { gradients in
        gradients[.embeddings, .words, .table].map {
          ($0, gradients[place, .positions, .table], gradients[place, .tokenTypes, .table])
        }
      })
    let positions = part.stack.blocks.first?.attention.positions
    let places = positions?.rows(longest: part.longest).map { rows in
      var tableNorm: NormShape?
      if case .disentangled(let shape)? = positions { tableNorm = shape.norm }
      return RelativePlaces(
        rows: rows, table: parameters[place, .relativePlaces, .table],
        norm: tensors.norm(tableNorm, place, .relativeNorm),
        gradient: gradients?[place, .relativePlaces, .table], isBias: positions?.buckets != nil)
    }
    let blocks = part.stack.blocks.enumerated().map { index, block in
      BlockTensors(
        tensors: tensors, shape: block, number: index, dropout: dropout, angles: angles,
        places: places, constant: constants[block.weights],
        // Places of the embeddings and the head come first.
        firstDropout: UInt32(truncatingIfNeeded: (part.before + index) * 8)
      ).block
    }
    self.init(
      embedding: embedding, blocks: blocks,
      finalNorm: tensors.norm(part.stack.finalNorm, part.final, .norm), places: places)
  }
}

/// Puts one block together.
private struct BlockTensors {
  let tensors: PieceTensors
  let shape: BlockShape
  /// Which block of its stack.
  let number: Int
  let dropout: DropoutShape
  let angles: [RotaryTable]
  let places: RelativePlaces?
  let constant: RelativeAttention.Tables?
  let firstDropout: UInt32

  private var place: ParameterKey.Place { .block(shape.weights) }

  var block: Block {
    Block(
      placement: shape.placement, attention: attention,
      attentionEnd: residual(
        shape.attentionNorm, .attentionOutput, .attentionNorm, .attentionOutputNorm,
        firstDropout + 3),
      cross: cross,
      feedForward: FeedForward(shape: shape.feedForward, input: projection(.feedForwardInput)),
      feedForwardEnd: residual(
        shape.feedForwardNorm, .feedForwardOutput, .feedForwardNorm, .feedForwardOutputNorm,
        firstDropout + 4), convolution: convolution)
  }

  private var attention: SelfAttention {
    let attention = shape.attention
    var headNorms: (Normalization, Normalization)?
    if let queries = tensors.norm(attention.headNorm, place, .queryNorm),
      let keys = tensors.norm(attention.headNorm, place, .keyNorm)
    {
      headNorms = (queries, keys)
    }
    return SelfAttention(
      form: attention.form, input: projection(.attentionInput), headNorms: headNorms,
      angles: turning, turnsValues: attention.positions.turnsValues, relative: relative,
      hasKeyBias: attention.hasKeyBias, number: number, dropout: dropout.attention,
      dropoutPlace: firstDropout + 2)
  }

  private var cross: (attention: CrossAttention, end: Residual)? {
    guard let cross = shape.crossAttention else { return nil }
    return (
      CrossAttention(
        form: cross.form, queries: projection(.crossQuery), keys: projection(.crossKeys),
        number: number, dropout: dropout.attention, dropoutPlace: firstDropout + 5),
      residual(shape.crossNorm, .crossOutput, .crossNorm, .crossNorm, firstDropout + 6)
    )
  }

  private var turning: RotaryAngles? {
    let attention = shape.attention
    guard case .rotary(let rotary) = attention.positions else { return nil }
    return angles.first { $0.shape == rotary && $0.size == attention.form.headSize }?.angles
  }

  private var relative: RelativeAttention? {
    places.map {
      RelativeAttention(
        shape: shape.attention, places: $0, keys: tensors.projection(place, .relativeKeys),
        queries: tensors.projection(place, .relativeQueries),
        table: tensors.parameters[place, .relativePlaces, .table],
        tableGradient: tensors.gradients?[place, .relativePlaces, .table], constant: constant)
    }
  }

  private var convolution: Convolution? {
    shape.convolution.map { convolution in
      guard let norm = tensors.norm(convolution.norm, place, .convolutionNorm) else {
        preconditionFailure("the shape lists all of its tensors")
      }
      return Convolution(shape: convolution, projection: projection(.convolution), norm: norm)
    }
  }

  private func projection(_ part: ParameterKey.Part) -> Projection {
    guard let projection = tensors.projection(place, part) else {
      preconditionFailure("the shape lists all of its tensors")
    }
    return projection
  }

  private func residual(
    _ norm: NormShape?, _ output: ParameterKey.Part, _ part: ParameterKey.Part,
    _ outputPart: ParameterKey.Part, _ dropoutPlace: UInt32
  ) -> Residual {
    Residual(
      placement: shape.placement, output: projection(output),
      norm: tensors.norm(norm, place, part),
      outputNorm: shape.placement == .around ? tensors.norm(norm, place, outputPart) : nil,
      dropout: dropout.hidden, dropoutPlace: dropoutPlace)
  }
}

extension Decoder {
  /// The decoder of these tensors; nil where the shape has none.
  init?(
    _ tensors: PieceTensors, positions: ConstantPositions,
    constants: [Int: RelativeAttention.Tables]
  ) {
    let shape = tensors.parameters.shape
    guard let part = Stack.Part.decoder(shape, positions), let decoder = shape.decoder,
      let output = tensors.projection(.output, .words)
    else { return nil }
    self.init(
      stack: Stack(tensors, part, angles: [], constants: constants), output: output,
      scale: decoder.output.scale)
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
