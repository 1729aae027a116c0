/// What is applied to a regression head's output.
public enum ScoreActivation: String, Sendable {
  /// The number itself.
  case identity
  /// 1 / (1 + e⁻ˣ), as sentence-transformers' cross-encoders have it.
  case sigmoid
}

/// How token vectors become one, by the names of sentence-transformers' `Pooling` module.
public enum Pooling: String, Sendable, CaseIterable {
  /// The first token's.
  case cls
  /// The largest value in each column.
  case max
  /// The mean.
  case mean
  /// The sum over the square root of the count.
  case meanSqrtLength = "mean_sqrt_len_tokens"
  /// The mean in which the token at place i (from 1) weighs i.
  case weightedMean = "weightedmean"
  /// The last token's.
  case lastToken = "lasttoken"
}

/// One step from vectors to vectors.
public enum VectorStep: Sendable, Equatable {
  /// A fully connected layer.
  case dense(DenseLayerConfiguration)
  /// Layer norm over `width` numbers, whose weights `directory` holds.
  case layerNorm(directory: String, width: Int)
  /// Division by the Euclidean length.
  case normalize
}

/// A fully connected layer on vectors.
public struct DenseLayerConfiguration: Sendable, Equatable {
  /// What a layer ends in.
  public enum Activation: String, Sendable {
    /// Nothing.
    case identity
    /// Hyperbolic tangent.
    case tanh
    /// max(x, 0).
    case relu
    /// x Φ(x).
    case gelu
    /// 1 / (1 + e⁻ˣ).
    case sigmoid
  }

  /// Folder that holds its weights.
  public var directory: String
  /// The one file there that holds them; nil for those of a model.
  public var file: String?
  /// What stands before `weight` and `bias` there.
  public var prefix = "linear."
  /// Width in.
  public var inputs: Int
  /// Width out.
  public var outputs: Int
  /// Whether a bias is added.
  public var hasBias: Bool
  /// Applied to the result.
  public var activation: Activation
  /// Whether what comes in is added to what goes out, through a projection where the widths differ.
  public var addsInput: Bool
}

/// How an encoder's states become a text's embedding.
public struct EmbeddingConfiguration: Sendable, Equatable {
  /// What each token's vector goes through before pooling, in order.
  public var tokenSteps: [VectorStep] = []
  /// Poolings, whose vectors are put one behind the other.
  public var poolings: [Pooling]
  /// What follows, in order.
  public var steps: [VectorStep]
  /// Whether the tokens of the model's prompt have no part in pooling.
  public var excludesPrompt: Bool
  /// How many of the numbers are kept, the first ones; nil for all.
  public var width: Int?

  /// Pooling alone, or followed by `steps`.
  public init(
    poolings: [Pooling], steps: [VectorStep] = [], excludesPrompt: Bool = false, width: Int? = nil
  ) {
    self.poolings = poolings
    self.steps = steps
    self.excludesPrompt = excludesPrompt
    self.width = width
  }

  /// Width of the embedding of an encoder of width `hiddenSize`.
  public func dimension(hiddenSize: Int) -> Int {
    let whole = steps.outputs(of: tokenSteps.outputs(of: hiddenSize) * poolings.count)
    return min(whole, width ?? whole)
  }
}

extension [VectorStep] {
  /// Width of what vectors of `width` numbers become.
  func outputs(of width: Int) -> Int {
    reduce(width) { width, step in
      if case .dense(let dense) = step { dense.outputs } else { width }
    }
  }
}
