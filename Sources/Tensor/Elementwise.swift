import CKernels

extension Kernels {
  /// output = activation(input), element by element; may be in place.
  public func activate(_ input: Matrix, _ activation: Activation, output: Matrix) {
    each(input, output) { from, to, count in
      table.pointee.activate(to, from, count, activation.code)
    }
  }

  /// inputGradient = outputGradient · activation′(input); may be in place of either gradient.
  public func activateBackward(
    outputGradient: Matrix, input: Matrix, _ activation: Activation, inputGradient: Matrix
  ) {
    precondition(
      outputGradient.rows == input.rows && outputGradient.columns == input.columns
        && inputGradient.rows == input.rows && inputGradient.columns == input.columns, "shapes")
    pool.split(input.rows, granularity: 16) { rows in
      for row in rows {
        table.pointee.activate_backward(
          inputGradient.base + row * inputGradient.stride,
          outputGradient.base + row * outputGradient.stride, input.base + row * input.stride,
          input.columns, activation.code)
      }
    }
  }

  /// Zeroes a share of the elements and scales the others by 1 / (1 − probability), in place. The
  /// same call on the gradient is the backward pass (Srivastava et al., 2014).
  public func apply(_ dropout: Dropout, to matrix: Matrix) {
    guard dropout.probability > 0 else { return }
    // An element's fate depends on its row and column alone, not on where it stands in memory.
    pool.split(matrix.rows, granularity: 16) { rows in
      for row in rows {
        table.pointee.dropout(
          matrix.base + row * matrix.stride, matrix.columns, dropout.probability, dropout.seed,
          UInt32(truncatingIfNeeded: row * matrix.columns))
      }
    }
  }

  /// target += source.
  public func add(_ source: Matrix, to target: Matrix) {
    each(source, target) { from, to, count in table.pointee.add(to, from, count) }
  }

  /// matrix *= factor.
  public func scale(_ matrix: Matrix, by factor: Float) {
    each(matrix, matrix) { _, to, count in table.pointee.scale(to, factor, count) }
  }

  /// Softmax of each row, in place.
  public func softmax(_ matrix: Matrix) {
    pool.split(matrix.rows, granularity: 16) { rows in
      table.pointee.softmax(
        matrix.base + rows.lowerBound * matrix.stride, rows.count, matrix.columns, matrix.stride)
    }
  }

  /// Sum of squares, for a gradient's norm. The order of the sum is fixed.
  public func squaredNorm(_ buffer: FloatBuffer) -> Double {
    table.pointee.dot(buffer.base, buffer.base, buffer.count)
  }

  /// One AdamW step over `range` (Loshchilov and Hutter, 2019, algorithm 2).
  public func adamW(
    weights: FloatBuffer, gradient: FloatBuffer, moments: (FloatBuffer, FloatBuffer),
    range: Range<Int>, step: AdamWStep
  ) {
    precondition(
      range.lowerBound >= 0 && range.upperBound <= weights.count
        && gradient.count == weights.count && moments.0.count == weights.count
        && moments.1.count == weights.count, "buffers differ in size")
    var constants = step.constants
    pool.split(range.count, granularity: 16) { part in
      let start = range.lowerBound + part.lowerBound
      withUnsafePointer(to: &constants) { constants in
        table.pointee.adamw(
          weights.base + start, gradient.base + start, moments.0.base + start,
          moments.1.base + start, part.count, constants)
      }
    }
  }

  /// target = keep · target + (1 − keep) · source: one step of an exponential moving average.
  public func average(_ source: FloatBuffer, into target: FloatBuffer, keep: Float) {
    precondition(source.count == target.count, "buffers differ in size")
    pool.split(source.count, granularity: 16) { range in
      let to = target.base + range.lowerBound
      table.pointee.add_scaled(to, to, keep - 1, range.count)
      table.pointee.add_scaled(to, source.base + range.lowerBound, 1 - keep, range.count)
    }
  }

  private func each(
    _ input: Matrix, _ output: Matrix,
    _ body: (UnsafePointer<Float>, UnsafeMutablePointer<Float>, Int) -> Void
  ) {
    guard input.isContiguous && output.isContiguous else {
      precondition(input.rows == output.rows && input.columns == output.columns, "shapes")
      return pool.split(input.rows, granularity: 16) { rows in
        for row in rows {
          body(
            UnsafePointer(input.base + row * input.stride), output.base + row * output.stride,
            input.columns)
        }
      }
    }
    precondition(input.count == output.count, "shapes")
    pool.split(input.count, granularity: 4096) { range in
      body(
        UnsafePointer(input.base + range.lowerBound), output.base + range.lowerBound, range.count)
    }
  }
}

/// The constants of one AdamW step.
public struct AdamWStep: Sendable {
  /// Step size α.
  public var learningRate: Float
  /// Decay of the first moment.
  public var beta1: Float
  /// Decay of the second moment.
  public var beta2: Float
  /// Keeps the quotient finite.
  public var epsilon: Float
  /// Decoupled decay λ.
  public var weightDecay: Float
  /// 1, 2, 3, …
  public var step: Int
  /// Multiplies the gradient first, for clipping.
  public var gradientScale: Float

  /// The constants of step number `step`.
  public init(
    learningRate: Float, beta1: Float = 0.9, beta2: Float = 0.999, epsilon: Float = 1e-8,
    weightDecay: Float = 0, step: Int, gradientScale: Float = 1
  ) {
    precondition(step >= 1, "steps count from one")
    self.learningRate = learningRate
    self.beta1 = beta1
    self.beta2 = beta2
    self.epsilon = epsilon
    self.weightDecay = weightDecay
    self.step = step
    self.gradientScale = gradientScale
  }

  var constants: martlet_adam {
    martlet_adam(
      learning_rate: learningRate, beta1: beta1, beta2: beta2, epsilon: epsilon,
      weight_decay: weightDecay, correction1: Self.correction(beta1, step: step),
      correction2: Self.correction(beta2, step: step), gradient_scale: gradientScale)
  }

  /// 1 − beta^step.
  static func correction(_ beta: Float, step: Int) -> Float {
    var power = 1.0
    var base = Double(beta)
    var exponent = step
    while exponent > 0 {
      if exponent & 1 == 1 { power *= base }
      base *= base
      exponent >>= 1
    }
    return Float(1 - power)
  }
}
