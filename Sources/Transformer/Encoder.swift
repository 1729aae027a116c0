import Tensor

/// A model for inference: weights packed once, workspace reused, nothing kept for gradients.
///
/// Several heads may read what it computes of one batch. Not thread-safe: one for each worker.
public final class Encoder {
  /// The shape.
  public let shape: ModelShape
  /// What the head's last layer read in the latest call of `logits`, [sequences, d]; valid until the next call.
  public private(set) var pooled: Matrix?
  private(set) var kernels: Kernels
  let network: Network
  let pass: Pass
  /// Of the latest batch: which rows have states, and where each sequence stands.
  private var states: (rows: Matrix, kept: RowSelection, layout: RaggedRows)?

  /// An encoder with these weights.
  public init(_ weights: PackedWeights, kernels: Kernels) {
    shape = weights.parameters.shape
    self.kernels = kernels
    network = Network(weights)
    pass = Pass(kernels: kernels)
  }

  /// Sees what goes into each product of the blocks; for measuring activations before quantising.
  public var observer: ((ParameterKey, Matrix) -> Void)? {
    get { pass.observer }
    set { pass.observer = newValue }
  }

  /// Called before each product, so that a slow model can be told from a hung one.
  public var progress: (() -> Void)? {
    get { pass.progress }
    set { pass.progress = newValue }
  }

  /// Computes over the threads of `pool` from now on, with the same bits.
  func use(_ pool: ComputePool) {
    kernels = kernels.over(pool)
    pass.kernels = kernels
  }

  /// Hidden states of all tokens, [tokens, d]; valid until the next call.
  public func hiddenStates(_ batch: TokenBatch) -> Matrix { run(batch, keeping: .all) }

  /// The head's scores before softmax, [sequences, labels]; valid until the next call.
  public func logits(_ batch: TokenBatch) -> Matrix {
    guard let head = network.head else {
      preconditionFailure("this model has no classification head")
    }
    let (pooled, logits) = head.forward(run(batch, keeping: head.kept), pass)
    self.pooled = pooled
    return logits
  }

  /// What the head reads of each sequence, [sequences, d], where that is one row of states or their mean; nil where it reads every
  /// token. Valid until the next call.
  public func headStates(_ batch: TokenBatch) -> Matrix? {
    guard let head = network.head else { return nil }
    switch head.shape.reading {
    case .each, .late: return nil
    case .first, .last: return run(batch, keeping: head.kept)
    case .mean: return head.means(run(batch, keeping: head.kept), pass)
    }
  }

  /// The head's scores from `headStates` of some sequences, [sequences, labels]; valid until the next call.
  public func logits(headStates: Matrix) -> Matrix {
    guard let head = network.head else {
      preconditionFailure("this model has no classification head")
    }
    pass.begin(RaggedRows(ofSingles: headStates.rows))
    return head.forward(headStates, pass).logits
  }

  /// Computes hidden states of the rows that `kept` chooses, for heads to read until the next batch.
  @discardableResult
  func run(_ batch: TokenBatch, keeping kept: RowSelection) -> Matrix {
    let rows = network.stack.forward(batch, keeping: kept, pass)
    states = (rows, kept, batch.layout)
    return rows
  }

  /// What `head` says of some sequences of the latest batch: what its last layer read, [sequences, d], the scores before
  /// softmax, [sequences, labels], and where the sequences stand among all of their rows; valid until the next call.
  func read(
    _ head: SequenceHead, _ sequences: [Int]
  ) -> (pooled: Matrix, logits: Matrix, RaggedRows) {
    let (rows, layout) = read(sequences, keeping: head.kept)
    let (pooled, logits) = head.forward(rows, pass)
    return (pooled, logits, layout)
  }

  /// States of some sequences of the latest batch, those that `wanted` chooses of each, and where the sequences stand among
  /// all of their rows; valid until the next call.
  func read(_ sequences: [Int], keeping wanted: RowSelection) -> (rows: Matrix, RaggedRows) {
    guard let (rows, kept, layout) = states else {
      preconditionFailure("heads read what was run before")
    }
    if kept == wanted && sequences.elementsEqual(0..<layout.count) {
      pass.begin(layout)
      return (rows, layout)
    }
    let ranges = sequences.map { sequence -> Range<Int> in
      if kept != .all { return sequence..<sequence + 1 }
      let all = layout[sequence]
      switch wanted {
      case .firsts: return all.prefix(1)
      case .lasts: return all.suffix(1)
      case .all, .rows: return all
      }
    }
    let own = RaggedRows(of: sequences, in: layout)
    let chosen = pass.matrix(.chosen, ranges.reduce(0) { $0 + $1.count }, rows.columns)
    for (row, source) in ranges.joined().enumerated() {
      chosen.setRow(row, from: rows, row: source)
    }
    pass.begin(own)
    return (chosen, own)
  }
}
