import Tensor

/// Which optimiser, with its constants.
public struct OptimizerOptions: Sendable, Equatable {
  /// The rules that are offered.
  public enum Kind: String, Sendable, CaseIterable {
    /// Gradient descent with momentum.
    case sgd
    /// Adam (Kingma and Ba, 2015), decay in the gradient.
    case adam
    /// Adam with decoupled decay (Loshchilov and Hutter, 2019).
    case adamw
    /// Lion (Chen et al., 2023).
    case lion
    /// Adafactor (Shazeer and Stern, 2018), as PyTorch has it.
    case adafactor
    /// RMSprop (Hinton, 2012).
    case rmsprop
  }

  /// The rule.
  public var kind = Kind.adamw
  /// Of sgd and rmsprop.
  public var momentum = 0.9
  /// Whether sgd looks ahead (Nesterov, 1983).
  public var nesterov = false
  /// Decay of the first moment.
  public var beta1 = 0.9
  /// Decay of the second moment; nil takes the optimiser's usual one: 0.999, lion and rmsprop 0.99.
  public var beta2: Double?
  /// Keeps quotients finite.
  public var epsilon = 1e-8

  /// The defaults: AdamW.
  public init() {}

  /// AdamW's rate times this is about as long a step with the rule: the usual ratio of their
  /// defaults.
  public var rateScale: Double {
    switch kind {
    case .adam, .adamw: 1
    case .lion: 0.2
    case .rmsprop: 0.5
    case .adafactor: 10
    case .sgd: 50
    }
  }

  /// The rule, nil for Adafactor, which works on whole tensors.
  package var rule: UpdateRule? {
    let (b1, e) = (Float(beta1), Float(epsilon))
    switch kind {
    case .sgd: return .sgd(momentum: Float(momentum), nesterov: nesterov)
    case .adam: return .adam(beta1: b1, beta2: Float(beta2 ?? 0.999), epsilon: e)
    case .adamw: return .adamW(beta1: b1, beta2: Float(beta2 ?? 0.999), epsilon: e)
    case .lion: return .lion(beta1: b1, beta2: Float(beta2 ?? 0.99))
    case .rmsprop:
      return .rmsProp(smoothing: Float(beta2 ?? 0.99), momentum: Float(momentum), epsilon: e)
    case .adafactor: return nil
    }
  }

  /// - Throws: `TrainingError.badOption` for the first value that makes no sense.
  public func validate() throws {
    for (name, value) in [
      ("--momentum", momentum), ("--beta1", beta1), ("--beta2", beta2 ?? 0.9),
    ] where !(value >= 0 && value < 1) {
      throw TrainingError.badOption(
        name: name, value: "\(value)", allowed: "at least 0 and below 1")
    }
    guard epsilon > 0 && epsilon < 1 else {
      throw TrainingError.badOption(
        name: "--epsilon", value: "\(epsilon)", allowed: "above 0 and below 1")
    }
    guard !nesterov || momentum > 0 else {
      throw TrainingError.badOption(
        name: "--nesterov", value: "on", allowed: "with a momentum above 0")
    }
  }
}
