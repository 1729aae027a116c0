/// Low-rank additions to a model's products, W + scale · B · A (LoRA, Hu et al., 2022, section 4.1), which learn while all
/// but the head stays as it is.
public struct AdapterShape: Sendable, Equatable {
  /// An addition to one linear layer of the checkpoint, which is one of our products or some of its rows.
  public struct Addition: Sendable, Equatable {
    /// The product's weight.
    public var product: ParameterKey
    /// Which of the product's layers, from 0: queries, keys and values may be three.
    public var layer: Int
    /// The rows of the product's weight that it adds to.
    public var rows: Range<Int>
    /// Columns of the product's weight.
    public var inputs: Int
    /// Rows of A and columns of B.
    public var rank: Int
    /// Multiplies B · A: α / rank.
    public var scale: Float

    /// A, [rank, inputs].
    public var down: ParameterKey { ParameterKey(product.place, product.part, .down(layer)) }
    /// B, [rows, rank].
    public var up: ParameterKey { ParameterKey(product.place, product.part, .up(layer)) }
  }

  /// Parts of a block that may have additions.
  public enum Target: String, Sendable, CaseIterable {
    /// From states to queries.
    case query
    /// From states to keys.
    case key
    /// From states to values.
    case value
    /// From the heads back to the stack's width.
    case output
    /// Both layers of the feed-forward part, gates too.
    case feedForward = "feed-forward"
  }

  /// The additions, in the order of the products.
  public var additions: [Addition]
  /// Share of each addition's inputs that training drops.
  public var dropout: Float

  /// These additions.
  public init(additions: [Addition], dropout: Float = 0) {
    (self.additions, self.dropout) = (additions, dropout)
  }
}

/// A linear layer as checkpoints have it: one of our products, or some of its rows.
struct LinearLayer {
  /// Our product's weight.
  let product: ParameterKey
  /// Which of the product's layers, from 0.
  let number: Int
  /// Its name, without the family's prefix and ".weight".
  let name: String
  /// Whether the family's prefix stands before it.
  let isPrefixed: Bool
  /// The product's rows that it has.
  let rows: Range<Int>
  /// Columns of the product's weight.
  let inputs: Int
  /// Runs of its rows in ours and in the checkpoint's order, counted from its own first.
  let runs: [(ours: Range<Int>, stored: Range<Int>)]
}

extension ModelShape {
  /// The linear layers of the checkpoint, in the order of our products.
  var linearLayers: [LinearLayer] {
    guard let architecture else { return [] }
    return tensors.filter { $0.key.role == .weight && $0.kernel == 1 }.flatMap { spec in
      layers(of: spec, architecture.names(spec.key, self))
    }
  }

  private func layers(of spec: TensorSpec, _ slices: [CheckpointSlice]) -> [LinearLayer] {
    var names: [String] = []
    for slice in slices where !names.contains(slice.name) { names.append(slice.name) }
    return names.enumerated().compactMap { number, name in
      let own = slices.filter { $0.name == name }
      let ours = own.map { slice -> Range<Int> in
        let size = spec.rows / slice.parts
        return slice.part * size..<(slice.part + slice.span) * size
      }
      guard let first = ours.map(\.lowerBound).min(), let end = ours.map(\.upperBound).max()
      else { return nil }
      let runs = zip(own, ours).map { slice, rows in
        (
          rows.lowerBound - first..<rows.upperBound - first,
          slice.filePart * rows.count..<(slice.filePart + 1) * rows.count
        )
      }
      return LinearLayer(
        product: spec.key, number: number,
        name: name.hasSuffix(".weight") ? String(name.dropLast(7)) : name,
        isPrefixed: own[0].isPrefixed, rows: first..<end, inputs: spec.columns, runs: runs)
    }
  }

  /// Additions of `rank` and `scale` to `targets` in every block.
  public func adapter(
    rank: Int, scale: Float, dropout: Float = 0, targets: Set<AdapterShape.Target>
  ) -> AdapterShape {
    let layers = linearLayers.filter { layer in
      places(of: layer.product).contains { target, rows in
        targets.contains(target) && rows.overlaps(layer.rows)
      }
    }
    return AdapterShape(
      additions: layers.map { $0.addition(rank: rank, scale: scale) }, dropout: dropout)
  }

  /// What the rows of a block's product are.
  private func places(of key: ParameterKey) -> [(AdapterShape.Target, Range<Int>)] {
    guard let form = block(key)?.attention.form else { return [] }
    let all = 0..<Int.max
    switch key.part {
    case .attentionInput:
      let (queries, keys) = (form.width, form.width + form.keyValueWidth)
      return [(.query, 0..<queries), (.key, queries..<keys), (.value, keys..<form.fusedWidth)]
    case .attentionOutput: return [(.output, all)]
    case .feedForwardInput, .feedForwardOutput: return [(.feedForward, all)]
    default: return []
    }
  }
}

extension LinearLayer {
  /// An addition to it.
  func addition(rank: Int, scale: Float) -> AdapterShape.Addition {
    AdapterShape.Addition(
      product: product, layer: number, rows: rows, inputs: inputs, rank: rank, scale: scale)
  }
}
