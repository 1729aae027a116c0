import CKernels

/// An instruction set that Martlet has kernels for, in rising order of preference.
public enum InstructionSet: String, CaseIterable, Sendable {
  /// Any CPU: vectors of four, no fused multiply-add.
  case portable
  /// x86-64 with AVX2 and FMA3.
  case avx2
  /// x86-64 with AVX-512F.
  case avx512
  /// aarch64, all of whose CPUs have it.
  case neon

  var code: martlet_isa {
    switch self {
    case .portable: MARTLET_ISA_PORTABLE
    case .avx2: MARTLET_ISA_AVX2
    case .avx512: MARTLET_ISA_AVX512
    case .neon: MARTLET_ISA_NEON
    }
  }

  /// The best 8-bit kernels that go with this set on this CPU.
  var integerKernels: UnsafePointer<martlet_int8_kernels>? {
    integerCode.flatMap { martlet_int8_kernels_for($0) }
  }

  private var integerCode: martlet_int8_isa? {
    let wanted: [martlet_int8_isa] =
      switch self {
      case .portable: [MARTLET_INT8_PORTABLE]
      case .avx2: [MARTLET_INT8_AVXVNNI, MARTLET_INT8_AVX2]
      case .avx512: [MARTLET_INT8_AVX512VNNI, MARTLET_INT8_AVXVNNI, MARTLET_INT8_AVX2]
      case .neon: [MARTLET_INT8_NEONDOT, MARTLET_INT8_NEON]
      }
    return wanted.first { martlet_int8_kernels_for($0) != nil }
  }

  /// The best bfloat16 kernels that go with this set on this CPU; with `isNative` false, of those that multiply
  /// in single precision.
  func bfloatKernels(isNative: Bool = true) -> UnsafePointer<martlet_bf16_kernels>? {
    bfloatCode(isNative: isNative).flatMap { martlet_bf16_kernels_for($0) }
  }

  private func bfloatCode(isNative: Bool) -> martlet_bf16_isa? {
    let wanted: [martlet_bf16_isa] =
      switch self {
      case .portable: [MARTLET_BF16_PORTABLE]
      case .avx2: [MARTLET_BF16_AVX2]
      case .avx512:
        isNative ? [MARTLET_BF16_AVX512BF16, MARTLET_BF16_AVX512] : [MARTLET_BF16_AVX512]
      case .neon: isNative ? [MARTLET_BF16_NEONDOT, MARTLET_BF16_NEON] : [MARTLET_BF16_NEON]
      }
    return wanted.first { martlet_bf16_kernels_for($0) != nil }
  }

  /// Operations a second of bfloat16 products that one core does in registers.
  public func measuredBFloatPeak(seconds: Double = 0.05) -> Double {
    guard let code = bfloatCode(isNative: true) else { return 0 }
    return Self.peak(seconds: seconds) { martlet_bf16_peak_operations(code, $0, $1) }
  }

  /// 8-bit operations a second (two for each product) that one core does in registers.
  public func measuredIntegerPeak(seconds: Double = 0.05) -> Double {
    guard let code = integerCode else { return 0 }
    return Self.peak(seconds: seconds) { martlet_int8_peak_operations(code, $0, $1) }
  }

  /// Those that this CPU offers.
  public static var available: [InstructionSet] {
    allCases.filter { martlet_kernels_for($0.code) != nil }
  }

  /// Single-precision operations a second that one core does in registers with this set, measured
  /// for about `seconds`: the ceiling to print beside a benchmark's figure.
  public func measuredPeak(seconds: Double = 0.05) -> Double {
    Self.peak(seconds: seconds) { martlet_peak_operations(code, $0, $1) }
  }

  private static func peak(
    seconds: Double, _ run: (Int, UnsafeMutablePointer<Float>) -> Double
  ) -> Double {
    var sink: [Float] = [0.999, 0.001, 0]
    var best = 0.0
    let clock = ContinuousClock()
    var rounds = 100_000
    let start = clock.now
    while clock.now - start < .seconds(seconds) {
      var operations = 0.0
      let time = clock.measure {
        operations = sink.withUnsafeMutableBufferPointer { buffer in
          buffer.baseAddress.map { run(rounds, $0) } ?? 0
        }
      }
      best = max(best, operations / (time / .seconds(1)))
      if time < .milliseconds(5) { rounds *= 2 }
    }
    return best
  }
}
