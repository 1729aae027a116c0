/// One trainable tensor of a model: which one, its shape, and its place in the flat buffer of all.
public struct TensorSpec: Sendable, Equatable {
  /// Which tensor.
  public let key: ParameterKey
  /// Rows; 1 for a vector.
  public let rows: Int
  /// Columns.
  public let columns: Int
  /// Matrices that stand one under the other in it: three in the fused projection of queries, keys and values, two in a gated
  /// layer.
  public let parts: Int
  /// Neighbours that a convolution's row has for each input, which files keep as a dimension of its own.
  var kernel = 1
  /// Whether files keep a vector as a matrix of one row.
  var isRow = false
  /// First float in the buffer; each tensor starts on a cache line.
  public let offset: Int

  /// Floats taken.
  public var range: Range<Int> { offset..<offset + rows * columns }
  /// Whether weight decay applies: to tables and products, not to biases and norms.
  public var decays: Bool { key.role == .table || isProduct }
  /// Whether inference packs it.
  public var isProduct: Bool { key.role == .weight || key.isLowRank }
  /// Whether 8-bit models keep it in 8 bits: the products of the blocks.
  public var isQuantizable: Bool { key.role == .weight && key.block != nil }
  /// Whether files keep it as a vector.
  public var isVector: Bool { !decays }

  /// The same tensor at another place.
  func moved(to offset: Int) -> TensorSpec {
    TensorSpec(
      key: key, rows: rows, columns: columns, parts: parts, kernel: kernel, isRow: isRow,
      offset: offset)
  }

  /// The shape in files of `rows` rows of it.
  func fileShape(rows: Int) -> [Int] {
    if isVector { return isRow ? [1, rows] : [rows] }
    return kernel == 1 ? [rows, columns] : [rows, columns / kernel, kernel]
  }
}

extension ModelShape {
  /// Every trainable tensor, in the order of the flat buffer: the only list of them.
  public var tensors: [TensorSpec] {
    var list = TensorList()
    list.addEmbeddings(embeddings, stackWidth: encoder.width)
    var seen: Set<Int> = []
    for block in encoder.blocks where seen.insert(block.weights).inserted {
      list.addBlock(block, width: encoder.width)
      list.addRelative(block, maximumTokens: maximumTokens, width: encoder.width)
    }
    list.addRelative(encoder, .embeddings)
    list.addNorm(encoder.finalNorm, .final, .norm, width: encoder.width)
    if let decoder { list.addDecoder(decoder, vocabularySize: vocabularySize) }
    if let head { list.addHead(head, width: encoder.width) }
    for addition in adapter?.additions ?? [] { list.addLowRank(addition) }
    return list.specs
  }
}

/// A list of tensors in the making.
private struct TensorList {
  private(set) var specs: [TensorSpec] = []
  private var offset = 0

  mutating func add(
    _ place: ParameterKey.Place, _ part: ParameterKey.Part, _ role: ParameterKey.Role, _ rows: Int,
    _ columns: Int, parts: Int = 1, kernel: Int = 1, isRow: Bool = false
  ) {
    specs.append(
      TensorSpec(
        key: ParameterKey(place, part, role), rows: rows, columns: columns, parts: parts,
        kernel: kernel, isRow: isRow, offset: offset))
    offset += (rows * columns + 15) / 16 * 16
  }

  mutating func addProduct(
    _ place: ParameterKey.Place, _ part: ParameterKey.Part, _ outputs: Int, _ inputs: Int,
    parts: Int = 1, kernel: Int = 1, hasBias: Bool = true
  ) {
    add(place, part, .weight, outputs, inputs, parts: parts, kernel: kernel)
    if hasBias { add(place, part, .bias, 1, outputs, parts: parts) }
  }

  mutating func addNorm(
    _ norm: NormShape?, _ place: ParameterKey.Place, _ part: ParameterKey.Part, width: Int
  ) {
    guard let norm else { return }
    add(place, part, .gain, 1, width)
    if norm.hasBias { add(place, part, .shift, 1, width) }
  }

  mutating func addEmbeddings(_ shape: EmbeddingShape, stackWidth: Int) {
    add(.embeddings, .words, .table, shape.vocabularySize, shape.width)
    if shape.positions == .learned {
      add(.embeddings, .positions, .table, shape.positionCount, shape.width)
    }
    if shape.tokenTypeCount > 0 {
      add(.embeddings, .tokenTypes, .table, shape.tokenTypeCount, shape.width)
    }
    addNorm(shape.norm, .embeddings, .norm, width: shape.width)
    if shape.isProjected { addProduct(.embeddings, .projection, stackWidth, shape.width) }
  }

  mutating func addBlock(_ block: BlockShape, width: Int) {
    let place = ParameterKey.Place.block(block.weights)
    let (attention, feedForward) = (block.attention, block.feedForward)
    let isAround = block.placement == .around
    addProduct(
      place, .attentionInput, attention.form.fusedWidth, width, parts: 3,
      hasBias: attention.hasInputBias)
    addNorm(attention.headNorm, place, .queryNorm, width: attention.form.headSize)
    addNorm(attention.headNorm, place, .keyNorm, width: attention.form.headSize)
    addProduct(
      place, .attentionOutput, width, attention.form.width, hasBias: attention.hasOutputBias)
    addNorm(block.attentionNorm, place, .attentionNorm, width: width)
    if isAround { addNorm(block.attentionNorm, place, .attentionOutputNorm, width: width) }
    if let cross = block.crossAttention?.form {
      let (input, output) = (
        block.crossAttention?.hasInputBias, block.crossAttention?.hasOutputBias
      )
      addProduct(place, .crossQuery, cross.width, width, hasBias: input == true)
      addProduct(
        place, .crossKeys, 2 * cross.keyValueWidth, width, parts: 2, hasBias: input == true)
      addProduct(place, .crossOutput, width, cross.width, hasBias: output == true)
      addNorm(block.crossNorm, place, .crossNorm, width: width)
    }
    let gates = feedForward.isGated ? 2 : 1
    addProduct(
      place, .feedForwardInput, gates * feedForward.width, width, parts: gates,
      hasBias: feedForward.hasInputBias)
    addProduct(
      place, .feedForwardOutput, width, feedForward.width, hasBias: feedForward.hasOutputBias)
    addNorm(block.feedForwardNorm, place, .feedForwardNorm, width: width)
    if isAround { addNorm(block.feedForwardNorm, place, .feedForwardOutputNorm, width: width) }
    if let convolution = block.convolution {
      let kernel = convolution.kernel
      addProduct(place, .convolution, width, width * kernel, kernel: kernel)
      addNorm(convolution.norm, place, .convolutionNorm, width: width)
    }
  }

  mutating func addRelative(_ block: BlockShape, maximumTokens: Int, width: Int) {
    let (place, form) = (ParameterKey.Place.block(block.weights), block.attention.form)
    switch block.attention.positions {
    case .distances:
      add(place, .relativePlaces, .table, 2 * maximumTokens - 1, form.headSize)
    case .disentangled(let shape) where !shape.sharesProjections:
      if shape.hasKeys {
        addProduct(place, .relativeKeys, form.width, width, hasBias: shape.hasKeyBias)
      }
      if shape.hasQueries { addProduct(place, .relativeQueries, form.width, width) }
    case .none, .rotary, .slopes, .buckets, .disentangled: break
    }
  }

  mutating func addDecoder(_ decoder: DecoderShape, vocabularySize: Int) {
    let (embeddings, width) = (decoder.embeddings, decoder.stack.width)
    if embeddings.positions == .learned {
      add(
        .decoderEmbeddings, .positions, .table, embeddings.positionCount, embeddings.width)
    }
    addNorm(embeddings.norm, .decoderEmbeddings, .norm, width: embeddings.width)
    for block in decoder.stack.blocks { addBlock(block, width: width) }
    addRelative(decoder.stack, .decoderEmbeddings)
    addNorm(decoder.stack.finalNorm, .decoderFinal, .norm, width: width)
    if !decoder.output.isTied { addProduct(.output, .words, vocabularySize, width, hasBias: false) }
    if decoder.output.hasBias { add(.output, .words, .bias, 1, vocabularySize, isRow: true) }
  }

  /// What all blocks of a stack share.
  mutating func addRelative(_ stack: StackShape, _ place: ParameterKey.Place) {
    switch stack.blocks.first?.attention {
    case let attention? where attention.positions.buckets != nil:
      let count = attention.positions.buckets?.count ?? 0
      add(place, .relativePlaces, .table, count, attention.form.heads)
    case let attention?:
      guard case .disentangled(let shape) = attention.positions else { return }
      add(place, .relativePlaces, .table, 2 * shape.span, stack.width)
      addNorm(shape.norm, place, .relativeNorm, width: stack.width)
    case nil: break
    }
  }

  mutating func addLowRank(_ addition: AdapterShape.Addition) {
    let (down, up) = (addition.down, addition.up)
    add(down.place, down.part, down.role, addition.rank, addition.inputs)
    add(up.place, up.part, up.role, addition.rows.count, addition.rank)
  }

  mutating func addHead(_ head: SequenceHeadShape, width: Int) {
    if let pool = head.pool {
      addProduct(.head, .pool, width, width, hasBias: pool.hasBias)
      addNorm(pool.norm, .head, .norm, width: width)
    }
    addProduct(.head, .classifier, head.labels.count, width, hasBias: head.hasBias)
  }
}
