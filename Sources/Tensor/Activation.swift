import CKernels

/// A function applied to each element, by the name that `transformers` has for it.
public enum Activation: String, Sendable, CaseIterable {
  /// The element itself.
  case none
  /// max(x, 0).
  case relu
  /// x·Φ(x) with the error function (Hendrycks and Gimpel, 2016).
  case gelu
  /// Hyperbolic tangent.
  case tanh
  /// GELU by its approximation with tanh (Hendrycks and Gimpel, 2016, section 2).
  case geluTanh = "gelu_pytorch_tanh"
  /// x·σ(1.702·x), GELU's approximation with a sigmoid (same place).
  case quickGELU = "quick_gelu"
  /// x·σ(x) (Elfwing, Uchibe and Doya, 2018).
  case silu
  /// max(x, 0)² (So et al., 2021).
  case relu2
  /// σ(x) = 1 / (1 + e^(−x)).
  case sigmoid

  /// The activation that `transformers` calls `name`, by any of its names for it.
  public init?(named name: String) {
    switch name {
    case "gelu_new", "gelu_fast", "gelu_accurate", "gelu_python_tanh": self = .geluTanh
    case "gelu_python": self = .gelu
    case "swish": self = .silu
    case "linear": self = .none
    case "none": return nil
    default: self.init(rawValue: name)
    }
  }

  var code: martlet_activation {
    switch self {
    case .none: MARTLET_ACTIVATION_NONE
    case .relu: MARTLET_ACTIVATION_RELU
    case .gelu: MARTLET_ACTIVATION_GELU
    case .tanh: MARTLET_ACTIVATION_TANH
    case .geluTanh: MARTLET_ACTIVATION_GELU_TANH
    case .quickGELU: MARTLET_ACTIVATION_QUICK_GELU
    case .silu: MARTLET_ACTIVATION_SILU
    case .relu2: MARTLET_ACTIVATION_RELU2
    case .sigmoid: MARTLET_ACTIVATION_SIGMOID
    }
  }
}
