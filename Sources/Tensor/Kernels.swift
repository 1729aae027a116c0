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
  /// Who does the work.
  public let pool: ComputePool

  /// Kernels of `instructionSet` over `threads`; nil when this CPU lacks the set.
  public init?(_ instructionSet: InstructionSet, threads: Int = 1) {
    guard let table = martlet_kernels_for(instructionSet.code),
      let integers = instructionSet.integerKernels
    else { return nil }
    self.integers = integers
    self.table = table
    pool = ComputePool(threads: threads)
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

  /// Operations a second that all threads together do in registers, measured for about a fifth of a second: single-precision
  /// ones, or of 8-bit integers.
  public func measuredPeak(ofIntegers: Bool = false) -> Double {
    let set = InstructionSet(rawValue: name) ?? .portable
    let peak =
      ofIntegers ? set.measuredIntegerPeak(seconds: 0.2) : set.measuredPeak(seconds: 0.2)
    return peak * Double(pool.threads)
  }

  /// The instruction set's name, as `MARTLET_ISA` takes it.
  public var name: String { String(cString: table.pointee.name) }

  /// How 8-bit products are computed: `portable`, `avx2`, `avx-vnni` or `avx512-vnni`.
  public var integerName: String { String(cString: integers.pointee.name) }

  /// Names the forms in which weights are packed; others cannot be read by these kernels.
  public var packedLayout: String {
    "\(name)/\(panelColumns) \(integerName)/\(integers.pointee.panel_columns)"
      + "/\(MARTLET_INT8_LANE_ACTIVATION)/\(MARTLET_INT8_LANE_LIMIT)"
  }

  var panelColumns: Int { table.pointee.panel_columns }

  func panels(_ columns: Int) -> Int { (columns + panelColumns - 1) / panelColumns }
}
