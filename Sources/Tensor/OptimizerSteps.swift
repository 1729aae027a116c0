import CKernels

/// How one step of an optimiser changes weights.
public enum UpdateRule: Sendable, Equatable {
  /// Gradient descent; the first state is the velocity where momentum is above 0.
  case sgd(momentum: Float, nesterov: Bool)
  /// Adam with the decay in the gradient; both states are moments.
  case adam(beta1: Float, beta2: Float, epsilon: Float)
  /// Adam with decoupled decay; both states are moments.
  case adamW(beta1: Float, beta2: Float, epsilon: Float)
  /// Lion; the first state is the moment.
  case lion(beta1: Float, beta2: Float)
  /// RMSprop; the first state is the mean square, the second the velocity where momentum is above 0.
  case rmsProp(smoothing: Float, momentum: Float, epsilon: Float)

  /// Buffers of the weights' size that the rule keeps.
  public var states: Int {
    switch self {
    case .sgd(let momentum, _): momentum > 0 ? 1 : 0
    case .adam, .adamW: 2
    case .lion: 1
    case .rmsProp(_, let momentum, _): momentum > 0 ? 2 : 1
    }
  }
}

/// What a step needs beside its rule.
public struct UpdateStep: Sendable {
  /// Step size.
  public var learningRate: Float
  /// Weight decay, coupled or decoupled as the rule has it.
  public var weightDecay: Float
  /// 1, 2, 3, …
  public var number: Int
  /// Multiplies the gradient first, for clipping.
  public var gradientScale: Float

  /// A step.
  public init(learningRate: Float, weightDecay: Float, number: Int, gradientScale: Float) {
    precondition(number >= 1, "steps count from one")
    self.learningRate = learningRate
    self.weightDecay = weightDecay
    self.number = number
    self.gradientScale = gradientScale
  }

  func constants(_ rule: UpdateRule) -> martlet_update {
    var update = martlet_update()
    (update.learning_rate, update.weight_decay) = (learningRate, weightDecay)
    update.gradient_scale = gradientScale
    switch rule {
    case .sgd(let momentum, let nesterov):
      (update.momentum, update.nesterov) = (momentum, nesterov ? 1 : 0)
    case .adam(let beta1, let beta2, let epsilon), .adamW(let beta1, let beta2, let epsilon):
      (update.beta1, update.beta2, update.epsilon) = (beta1, beta2, epsilon)
      update.correction1 = AdamWStep.correction(beta1, step: number)
      update.correction2 = AdamWStep.correction(beta2, step: number)
    case .lion(let beta1, let beta2): (update.beta1, update.beta2) = (beta1, beta2)
    case .rmsProp(let smoothing, let momentum, let epsilon):
      (update.beta2, update.momentum, update.epsilon) = (smoothing, momentum, epsilon)
    }
    return update
  }
}

extension Kernels {
  /// One step of `rule` over `range`. `states` are as many buffers as the rule keeps, each of the
  /// weights' size.
  public func update(
    _ rule: UpdateRule, weights: FloatBuffer, gradient: FloatBuffer, states: [FloatBuffer],
    range: Range<Int>, step: UpdateStep
  ) {
    precondition(
      range.lowerBound >= 0 && range.upperBound <= weights.count
        && gradient.count == weights.count && states.count == rule.states
        && states.allSatisfy { $0.count == weights.count }, "buffers differ in size")
    if case .adamW(let beta1, let beta2, let epsilon) = rule {
      adamW(
        weights: weights, gradient: gradient, moments: (states[0], states[1]), range: range,
        step: AdamWStep(
          learningRate: step.learningRate, beta1: beta1, beta2: beta2, epsilon: epsilon,
          weightDecay: step.weightDecay, step: step.number, gradientScale: step.gradientScale))
      return
    }
    var constants = step.constants(rule)
    pool.split(range.count, granularity: 16) { part in
      let start = range.lowerBound + part.lowerBound
      let (w, g, n) = (weights.base + start, gradient.base + start, part.count)
      func state(_ index: Int) -> UnsafeMutablePointer<Float>? {
        index < states.count ? states[index].base + start : nil
      }
      withUnsafePointer(to: &constants) { constants in
        switch rule {
        case .sgd: martlet_sgd(w, g, state(0), n, constants)
        case .adam, .adamW: martlet_adam_coupled(w, g, state(0), state(1), n, constants)
        case .lion: martlet_lion(w, g, state(0), n, constants)
        case .rmsProp: martlet_rmsprop(w, g, state(0), state(1), n, constants)
        }
      }
    }
  }

  /// One Adafactor step over a tensor (Shazeer and Stern, 2018), as PyTorch has it: the rate is
  /// relative to the tensor's root mean square and at most 1 / √step, updates are clipped to a root
  /// mean square of 1, decay is decoupled.
  ///
  /// Shapes: weights and gradient [rows, columns]; state rows + columns floats when both are above
  /// 1, else rows · columns.
  public func adafactor(
    weights: Matrix, gradient: Matrix, state: FloatBuffer, step: UpdateStep,
    beta2Decay: Double = -0.8, epsilon: (Double, Double) = (1.1920928955078125e-07, 1e-3)
  ) {
    let (rows, columns) = (weights.rows, weights.columns)
    precondition(gradient.rows == rows && gradient.columns == columns, "shapes")
    precondition(weights.isContiguous && gradient.isContiguous, "rows must stand side by side")
    precondition(state.count >= Self.adafactorState(rows: rows, columns: columns), "state")
    var constants = martlet_update()
    constants.learning_rate = step.learningRate
    constants.weight_decay = step.weightDecay
    constants.gradient_scale = step.gradientScale
    var scratch = [Double](repeating: 0, count: columns)
    martlet_adafactor(
      weights.base, gradient.base, state.base, &scratch, rows, columns, Double(step.number),
      beta2Decay, epsilon.0, epsilon.1, 1, &constants)
  }

  /// Floats that Adafactor keeps for a tensor.
  public static func adafactorState(rows: Int, columns: Int) -> Int {
    rows > 1 && columns > 1 ? rows + columns : rows * columns
  }
}
