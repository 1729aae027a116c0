import CKernels

/// A function applied to each element.
public enum Activation: String, Sendable, CaseIterable {
  /// The element itself.
  case none
  /// max(x, 0).
  case relu
  /// x·Φ(x) with the error function (Hendrycks and Gimpel, 2016).
  case gelu
  /// Hyperbolic tangent.
  case tanh

  var code: martlet_activation {
    switch self {
    case .none: MARTLET_ACTIVATION_NONE
    case .relu: MARTLET_ACTIVATION_RELU
    case .gelu: MARTLET_ACTIVATION_GELU
    case .tanh: MARTLET_ACTIVATION_TANH
    }
  }
}
