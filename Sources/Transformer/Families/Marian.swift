import JSON
import Tensor

extension Architecture {
  /// Marian (Junczys-Dowmunt et al., 2018): `MarianMTModel`. The 2017 paper's model: constant places, norms behind each residual
  /// sum, one table for both sides and the scores. What is trained here from nothing is written in its layout.
  static let marian = Architecture.likeBART(
    "marian", "Marian",
    BARTStyle(
      positions: .sinusoidal, sinusoids: .halves, offset: 0, defaultPadding: 58100),
    generator: "MTModel")
}
