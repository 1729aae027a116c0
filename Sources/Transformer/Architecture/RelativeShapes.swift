import Foundation
import Tensor

/// Which number of a table a distance takes, as T5 (Raffel et al., 2020, section 2.1) and MPNet have it: near ones
/// their own, far ones one for a span that widens with them, half of the table for each side.
public struct DistanceBuckets: Sendable, Equatable {
  /// Rows of the table; a multiple of 4.
  public var count: Int
  /// From this distance on, all take the last.
  public var farthest: Int
  /// Whether keys behind the query are never seen, and all rows are for those before it.
  public var isCausal = false

  /// The bucket of the key at j as the query at i sees it, `distance` = j − i.
  func bucket(_ distance: Int) -> Int {
    let side = isCausal ? count : count / 2
    let (size, near) = (isCausal ? max(0, -distance) : abs(distance), side / 2)
    var bucket = size
    if size >= near {
      let share = log(Float(size) / Float(near)) / Float(log(Double(farthest) / Double(near)))
      bucket = min(near + Int(share * Float(side - near)), side - 1)
    }
    return distance > 0 && !isCausal ? side + bucket : bucket
  }
}

/// Disentangled attention (He et al., 2021, sections 3.1 and 3.2): what of it a model has.
public struct DisentangledShape: Sendable, Equatable {
  /// Half of the rows of the shared table: distances beyond take its ends.
  public var span: Int
  /// Distances from span / 2 on share rows, by the logarithm, up to this one; nil for a row each.
  public var farthest: Int?
  /// Queries meet keys of places ("c2p").
  public var hasKeys: Bool
  /// Keys meet queries of places ("p2c").
  public var hasQueries: Bool
  /// Whether places go through the tokens' own projections (`share_att_key`).
  public var sharesProjections: Bool
  /// Whether the places' own projection to keys adds a bias.
  public var hasKeyBias = true
  /// The norm over the table.
  public var norm: NormShape?

  /// The row for the query at i and the key at j, `distance` = j − i.
  func row(_ distance: Int) -> Int {
    let (size, middle) = (abs(distance), span / 2)
    var bucket = size
    if let farthest, size > middle {
      let (place, last) = (
        Float(size) / Float(middle), Float(Double(farthest - 1) / Double(middle))
      )
      let share = (log(place) / log(last) * Float(middle - 1)).rounded(.up)
      // A table of few rows, or a longest text within its middle, leaves no logarithm.
      bucket = share.isFinite ? middle + Int(min(max(share, 0), Float(span))) : span
    }
    return min(max(span + (distance > 0 ? -bucket : bucket), 0), 2 * span - 1)
  }
}

extension AttentionShape.Positions {
  /// The buckets, where there are any.
  var buckets: DistanceBuckets? {
    if case .buckets(let buckets) = self { buckets } else { nil }
  }

  /// Whether values turn with queries and keys.
  var turnsValues: Bool {
    if case .rotary(let shape) = self { shape.turnsValues } else { false }
  }

  /// The row of a table for each distance j − i from 1 − `longest` to `longest` − 1; nil where no table is
  /// chosen from by distance.
  func rows(longest: Int) -> [Int32]? {
    let distances = 1 - longest..<longest
    switch self {
    case .none, .rotary, .slopes: return nil
    case .buckets(let buckets): return distances.map { Int32(buckets.bucket($0)) }
    case .disentangled(let shape): return distances.map { Int32(shape.row($0)) }
    case .distances: return distances.map { Int32(longest - 1 - $0) }
    }
  }
}

extension ModelShape {
  /// Whether tables are chosen from by distance.
  var hasRelativePlaces: Bool {
    blocks.contains { block in
      switch block.attention.positions {
      case .buckets, .disentangled, .distances: true
      case .none, .rotary, .slopes: false
      }
    }
  }
}

/// The angles of one kind of rotary places, for heads of one size.
struct RotaryTable: Sendable {
  let shape: RotaryShape
  let size: Int
  let angles: RotaryAngles
}

extension ModelShape {
  /// The angles of all blocks, each kind once.
  var angles: [RotaryTable] {
    var tables: [RotaryTable] = []
    for block in encoder.blocks {
      let size = block.attention.form.headSize
      guard case .rotary(let shape) = block.attention.positions,
        !tables.contains(where: { $0.shape == shape && $0.size == size })
      else { continue }
      tables.append(
        RotaryTable(
          shape: shape, size: size,
          angles: RotaryAngles(
            positions: maximumTokens, headSize: size, width: shape.width, base: shape.base,
            pairing: shape.pairing, scaling: shape.scaling)))
    }
    return tables
  }
}
