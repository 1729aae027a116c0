import CKernels
import Foundation
import Synchronization

/// Cosines and sines of rotary position encoding: pair i of a head turns by position · base^(−2i / width)
/// (Su et al., 2021, equation 15).
public struct RotaryAngles: Sendable {
  /// Which floats of a head make a pair.
  public enum Pairing: String, Sendable {
    /// 2i and 2i + 1, as in the paper (RoFormer, GPT-J).
    case neighbours
    /// i and i + width / 2 (Llama, ModernBERT, NomicBERT).
    case halves
  }

  /// Positions that have angles.
  public let positions: Int
  /// Floats in a head.
  public let headSize: Int
  /// Floats in a head that turn, from its start.
  public let width: Int
  /// The base of the angles.
  public let base: Double
  /// Which floats make a pair.
  public let pairing: Pairing
  /// How angles change with the text's length.
  public let scaling: RotaryScaling
  private let fixed: Turns
  private let long: LongTurns?

  /// The angles of `positions` places; all floats of a head turn where no `width` is given.
  public init(
    positions: Int, headSize: Int, width: Int? = nil, base: Double = 10000,
    pairing: Pairing = .neighbours, scaling: RotaryScaling = .none
  ) {
    let width = width ?? headSize
    precondition(positions >= 0 && width >= 0 && width <= headSize, "shape")
    (self.positions, self.headSize, self.width) = (positions, headSize, width)
    (self.base, self.pairing, self.scaling) = (base, pairing, scaling)
    let places = min(positions, scaling.trainedLength ?? positions)
    fixed = Turns(places, base: base, width: width, scaling: scaling)
    long = places < positions ? LongTurns() : nil
  }

  /// The turns of a text of `length` tokens.
  fileprivate func turns(length: Int) -> Turns {
    guard let long, length > scaling.trainedLength ?? length else { return fixed }
    return long.of(length) { Turns(length, base: base, width: width, scaling: scaling) }
  }
}

/// A cosine and a sine for each place and pair.
private struct Turns: Sendable {
  let cosines, sines: FloatBuffer

  init(_ places: Int, base: Double, width: Int, scaling: RotaryScaling) {
    let frequencies = scaling.frequencies(base: base, width: width, length: places)
    cosines = FloatBuffer(count: places * frequencies.count)
    sines = FloatBuffer(count: places * frequencies.count)
    for position in 0..<places {
      for (pair, frequency) in frequencies.enumerated() {
        let angle = Double(position) * frequency
        let place = position * frequencies.count + pair
        cosines[place] = Float(scaling.amplitude * cos(angle))
        sines[place] = Float(scaling.amplitude * sin(angle))
      }
    }
  }
}

/// The turns of the lengths that came last, where angles depend on the text's length.
private final class LongTurns: Sendable {
  private let recent = Mutex<[(length: Int, turns: Turns)]>([])

  func of(_ length: Int, make: () -> Turns) -> Turns {
    if let known = recent.withLock({ $0.first { $0.length == length } }) { return known.turns }
    let turns = make()
    recent.withLock { $0 = $0.suffix(3) + [(length, turns)] }
    return turns
  }
}

extension Kernels {
  /// Turns the queries and keys of `fused` [rows, `form.fusedWidth`] by their places; values stay, but
  /// with `includingValues` (RoFormer's `rotary_value`). `backwards` turns the other way, which is the
  /// gradient.
  public func rotate(
    _ fused: Matrix, _ layout: RaggedRows, _ form: AttentionForm, _ angles: RotaryAngles,
    includingValues: Bool = false, backwards: Bool = false
  ) {
    precondition(fused.columns == form.fusedWidth && fused.rows == layout.rows, "shapes")
    precondition(form.headSize == angles.headSize, "heads of another size")
    precondition(layout.longest <= angles.positions, "positions outside the angles")
    let heads = form.heads + (includingValues ? 2 : 1) * form.keyValueHeads
    let (pairs, halves) = (angles.width / 2, angles.pairing == .halves)
    pool.split(layout.rows, granularity: 16) { rows in
      for sequence in 0..<layout.count {
        let start = layout.starts[sequence]
        let mine = rows.clamped(to: start..<layout.starts[sequence + 1])
        guard !mine.isEmpty else { continue }
        let turns = angles.turns(length: layout.length(sequence))
        for row in mine {
          table.pointee.rotate(
            fused.base + row * fused.stride, heads, form.headSize, pairs, halves ? 1 : 0,
            turns.cosines.base + (row - start) * pairs, turns.sines.base + (row - start) * pairs,
            backwards ? -1 : 1)
        }
      }
    }
  }
}
