import Tensor

/// What a model's layers are computed in, as it is asked for. Sums, norms, softmax, activations, embeddings and heads are in
/// single precision always.
public enum Precision: String, CaseIterable, Sendable {
  /// bfloat16 where the CPU multiplies it, else single precision; an 8-bit model stays one.
  case auto
  /// Single precision.
  case f32
  /// bfloat16: half the memory; on CPUs that do not multiply it, at no gain in speed.
  case bf16
  /// The integers of a model that was quantized before.
  case int8
}

extension Kernels {
  /// These kernels, for inference in `precision`: an 8-bit model's attention is in bfloat16 where the CPU multiplies it.
  public func inferring(in precision: Precision) -> Kernels {
    var kernels = self
    switch precision {
    case .auto, .int8: kernels.usesBFloat16 = multipliesBFloat16
    case .f32: kernels.usesBFloat16 = false
    case .bf16: kernels.usesBFloat16 = true
    }
    return kernels
  }
}
