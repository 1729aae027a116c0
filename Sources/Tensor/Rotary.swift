import CKernels
import Foundation

/// Cosines and sines of rotary position encoding: the pair (2i, 2i + 1) of a head turns by
/// position · 10000^(−2i / size) (Su et al., 2021, equation 15).
public struct RotaryAngles: Sendable {
  let cosines, sines: FloatBuffer
  /// Positions that have angles.
  public let positions: Int
  /// Floats in a head.
  public let headSize: Int

  /// The angles of `positions` places.
  public init(positions: Int, headSize: Int) {
    precondition(positions >= 0 && headSize >= 0, "shape")
    self.positions = positions
    self.headSize = headSize
    let pairs = headSize / 2
    cosines = FloatBuffer(count: positions * pairs)
    sines = FloatBuffer(count: positions * pairs)
    for position in 0..<positions {
      for pair in 0..<pairs {
        let angle = Double(position) * pow(10000, -Double(2 * pair) / Double(headSize))
        cosines[position * pairs + pair] = Float(cos(angle))
        sines[position * pairs + pair] = Float(sin(angle))
      }
    }
  }
}

extension Kernels {
  /// Turns queries and keys of `fused` [rows, 3 × width], which hold `heads` heads each, by their
  /// places; values stay. `backwards` turns the other way, which is the gradient.
  public func rotate(
    _ fused: Matrix, _ layout: RaggedRows, heads: Int, _ angles: RotaryAngles,
    backwards: Bool = false
  ) {
    let size = angles.headSize
    precondition(fused.columns == 3 * heads * size && fused.rows == layout.rows, "shapes")
    precondition(layout.longest <= angles.positions, "positions outside the angles")
    let pairs = size / 2
    pool.split(layout.count) { sequences in
      for sequence in sequences {
        for place in 0..<layout.length(sequence) {
          let row = fused.base + (layout.starts[sequence] + place) * fused.stride
          for head in 0..<2 * heads {
            martlet_rotate(
              row + head * size, size, angles.cosines.base + place * pairs,
              angles.sines.base + place * pairs, backwards ? -1 : 1)
          }
        }
      }
    }
  }
}
