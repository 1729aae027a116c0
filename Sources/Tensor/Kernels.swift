import CKernels
import Foundation

/// The primitive operations on one instruction set and a number of threads.
///
/// All of them give the same bits for any number of threads, and matrix products give each row the
/// same bits whatever rows stand beside it.
public struct Kernels: Sendable {
  /// Constant data of the C target, never written.
  nonisolated(unsafe) let table: UnsafePointer<martlet_kernels>
  /// 8-bit kernels of the same reach; constant data as well.
  nonisolated(unsafe) let integers: UnsafePointer<martlet_int8_kernels>
  /// bfloat16 kernels of the same reach; constant data as well.
  nonisolated(unsafe) let bfloats: UnsafePointer<martlet_bf16_kernels>
  /// Who does the work.
  public private(set) var pool: ComputePool
  /// What the blocks of products are cut for.
  let caches: CacheSizes

  /// Whether inference packs the blocks' products in bfloat16, and does so much of attention in it as it can.
  public var usesBFloat16: Bool

  /// Kernels of `instructionSet` over `threads`; nil when this CPU lacks the set.
  ///
  /// - Parameters:
  ///   - usesBFloat16: whether inference does.
  ///   - multipliesBFloat16: false for those of a CPU that does not.
  ///   - caches: what products are cut for; they change no result.
  public init?(
    _ instructionSet: InstructionSet, threads: Int = 1, usesBFloat16: Bool = false,
    multipliesBFloat16: Bool = true, caches: CacheSizes = .machine
  ) {
    guard let table = martlet_kernels_for(instructionSet.code),
      let integers = instructionSet.integerKernels,
      let bfloats = instructionSet.bfloatKernels(isNative: multipliesBFloat16)
    else { return nil }
    self.usesBFloat16 = usesBFloat16
    self.integers = integers
    self.bfloats = bfloats
    self.table = table
    pool = ComputePool(threads: threads)
    self.caches = caches
  }

  /// The best kernels that this CPU offers, or those that `MARTLET_ISA` in `environment` names.
  ///
  /// - Throws: `TensorError` when `MARTLET_ISA` names an unknown or missing instruction set.
  public static func best(
    threads: Int = 1, environment: [String: String] = ProcessInfo.processInfo.environment
  ) throws -> Kernels {
    if let name = environment["MARTLET_ISA"], !name.isEmpty {
      guard let set = InstructionSet(rawValue: name) else {
        throw TensorError.unknownInstructionSet(name)
      }
      guard let kernels = Kernels(set, threads: threads) else {
        throw TensorError.unavailableInstructionSet(name)
      }
      return kernels
    }
    for set in InstructionSet.allCases.reversed() {
      if let kernels = Kernels(set, threads: threads) { return kernels }
    }
    throw TensorError.unavailableInstructionSet(InstructionSet.portable.rawValue)
  }

  /// The same kernels over the threads of `pool`.
  public func over(_ pool: ComputePool) -> Kernels {
    var kernels = self
    kernels.pool = pool
    return kernels
  }

  /// What is multiplied.
  public enum Number: Sendable { case f32, bf16, int8 }

  /// Operations a second that all threads together do in registers, measured for about a fifth of a second.
  public func measuredPeak(of number: Number = .f32) -> Double {
    let set = InstructionSet(rawValue: name) ?? .portable
    let peak =
      switch number {
      case .f32: set.measuredPeak(seconds: 0.2)
      case .bf16: set.measuredBFloatPeak(seconds: 0.2)
      case .int8: set.measuredIntegerPeak(seconds: 0.2)
      }
    return peak * Double(pool.threads)
  }

  /// Bytes a second that one core reads in order, the best of three times over a quarter of a gigabyte: the
  /// ceiling of short texts, whose time goes into reading weights.
  public func measuredMemorySpeed() -> Double {
    let buffer = FloatBuffer(count: 64 << 20)
    // Pages that nobody has written are one page.
    buffer.zero()
    let times = (0..<3).map { _ in
      ContinuousClock().measure { _ = squaredNorm(buffer) } / .seconds(1)
    }
    return Double(buffer.count * MemoryLayout<Float>.size) / (times.min() ?? 1)
  }

  /// The instruction set's name, as `MARTLET_ISA` takes it.
  public var name: String { String(cString: table.pointee.name) }

  /// How 8-bit products are computed: `portable`, `avx2`, `avx-vnni` or `avx512-vnni`.
  public var integerName: String { String(cString: integers.pointee.name) }

  /// How bfloat16 products are computed: `avx512-bf16`, or the set whose single precision computes them.
  public var bfloatName: String { String(cString: bfloats.pointee.name) }

  /// Whether the CPU multiplies bfloat16 numbers itself, at about twice the speed of single precision.
  public var multipliesBFloat16: Bool { bfloats.pointee.is_native != 0 }

  /// Names the forms in which weights are packed; others cannot be read by these kernels.
  public var packedLayout: String {
    "\(name)/\(panelColumns) \(integerName)/\(integers.pointee.panel_columns)"
      + "/\(MARTLET_INT8_LANE_ACTIVATION)/\(MARTLET_INT8_LANE_LIMIT)"
      + " bf16/\(bfloats.pointee.panel_columns)"
  }

  var panelColumns: Int { table.pointee.panel_columns }

  func panels(_ columns: Int) -> Int { (columns + panelColumns - 1) / panelColumns }
}
