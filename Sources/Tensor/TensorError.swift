import Foundation

/// What can go wrong when kernels are chosen.
public enum TensorError: Error, Equatable, LocalizedError {
  /// `MARTLET_ISA` names an instruction set that does not exist.
  case unknownInstructionSet(String)
  /// `MARTLET_ISA` names an instruction set that this CPU lacks.
  case unavailableInstructionSet(String)

  /// What is wrong, and what to set instead.
  public var errorDescription: String? {
    let known = InstructionSet.allCases.map(\.rawValue).joined(separator: ", ")
    let here = InstructionSet.available.map(\.rawValue).joined(separator: ", ")
    switch self {
    case .unknownInstructionSet(let name):
      return "MARTLET_ISA=\(name) is no instruction set that Martlet knows. Use one of: \(known)."
    case .unavailableInstructionSet(let name):
      return "This CPU lacks \(name), which MARTLET_ISA asks for. It offers: \(here)."
    }
  }
}
