import Tensor
import Tokenization

/// Makes one vector of a text's hidden states: pooling, with layers and norms before and behind.
struct EmbeddingHead: TaskHead {
  private let configuration: EmbeddingConfiguration
  private let tokenLayers: VectorLayers
  private let layers: VectorLayers
  let kept = RowSelection.all

  /// Reads the weights of the layers, if there are any.
  ///
  /// - Throws: `ModelError` naming file or tensor.
  init(_ source: HeadSource) throws {
    let (width, kernels) = (source.configuration.shape.hiddenSize, source.kernels)
    configuration = source.configuration.embedding ?? EmbeddingConfiguration(poolings: [.mean])
    tokenLayers = try VectorLayers(configuration.tokenSteps, width: width, kernels: kernels)
    layers = try VectorLayers(
      configuration.steps,
      width: configuration.tokenSteps.outputs(of: width) * configuration.poolings.count,
      kernels: kernels)
  }

  func outputs(
    _ encoder: Encoder, _ sequences: [Int], _ encodings: [Encoding]
  ) -> [SequenceOutput] {
    let kernels = encoder.kernels
    let (read, layout) = encoder.read(sequences, keeping: .all)
    let states = tokenLayers(read, kernels: kernels)
    let excludes = configuration.excludesPrompt
    let pooled = encodings.enumerated().flatMap { index, encoding in
      configuration.poolings.flatMap {
        Self.pool(states, layout[index], excludes ? encoding.promptCount : 0, $0)
      }
    }
    let rows = Matrix(
      rows: layout.count, columns: states.columns * configuration.poolings.count, pooled)
    let vectors = layers(rows, kernels: kernels)
    return (0..<vectors.rows).map { row in
      let whole = vectors.row(row)
      return SequenceOutput(configuration.width.map { Array(whole.prefix($0)) } ?? whole)
    }
  }

  /// A weighted mean counts places from the sequence's beginning, tokens that are skipped too.
  private static func pool(
    _ states: Matrix, _ sequence: Range<Int>, _ skipped: Int, _ pooling: Pooling
  ) -> [Float] {
    let rows = sequence.dropFirst(min(skipped, sequence.count - 1))
    let count = Float(rows.count)
    switch pooling {
    case .cls: return states.row(rows.lowerBound)
    case .lastToken: return states.row(rows.upperBound - 1)
    // NaN stays, on either side.
    case .max: return fold(states, rows) { $1 > $0 || $1.isNaN ? $1 : $0 }
    case .mean: return sum(states, rows) { _ in 1 }.map { $0 / count }
    case .meanSqrtLength:
      return sum(states, rows) { _ in 1 }.map { $0 / count.squareRoot() }
    case .weightedMean:
      func weight(_ row: Int) -> Float { Float(row - sequence.lowerBound + 1) }
      let total = rows.reduce(0) { $0 + weight($1) }
      return sum(states, rows, weight: weight).map { $0 / total }
    }
  }

  private static func sum(
    _ states: Matrix, _ rows: Range<Int>, weight: (Int) -> Float
  ) -> [Float] {
    var total = [Float](repeating: 0, count: states.columns)
    for row in rows {
      let (values, weight) = (states.row(row), weight(row))
      for column in total.indices { total[column] += weight * values[column] }
    }
    return total
  }

  private static func fold(
    _ states: Matrix, _ rows: Range<Int>, _ combine: (Float, Float) -> Float
  ) -> [Float] {
    var result = states.row(rows.lowerBound)
    for row in rows.dropFirst() {
      let values = states.row(row)
      for column in result.indices { result[column] = combine(result[column], values[column]) }
    }
    return result
  }
}
