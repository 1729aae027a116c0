import Foundation

/// ADWIN, the adaptive window (Bifet and Gavaldà 2007): keeps as long a window of the latest values as has one mean, in
/// buckets whose sizes double, and drops the old part when two parts differ. Definitions and defaults are river's
/// `drift.ADWIN`.
public struct AdaptiveWindow: Sendable, Codable {
  private struct Bucket: Sendable, Codable {
    var total: Double
    var variance: Double
  }

  /// The chance of a false alarm.
  public var delta = 0.002
  /// Values between two looks.
  public var clock = 32
  /// Buckets of one size.
  public var maximumBuckets = 5
  /// Values that each part must have.
  public var minimumPart = 5
  /// Values before which nothing is said.
  public var grace = 10
  /// Values in the window.
  public private(set) var width = 0.0
  private var total = 0.0
  private var variance = 0.0
  private var ticks = 0
  private var hasChanged = false
  /// Row i has buckets of 2^i values, the oldest first.
  private var rows: [[Bucket]] = [[]]

  /// An empty window.
  public init() {}

  /// The window's mean; 0 while it is empty.
  public var mean: Double { width > 0 ? total / width : 0 }

  /// Takes in one value.
  /// - Returns: whether the mean has changed, so that old values were dropped.
  public mutating func add(_ value: Double) -> Bool {
    if hasChanged { reset() }
    rows[0].append(Bucket(total: value, variance: 0))
    width += 1
    if width > 1 {
      let difference = value - total / (width - 1)
      variance += (width - 1) * difference * difference / width
    }
    total += value
    compress()
    ticks += 1
    guard ticks % clock == 0, width > Double(grace) else { return false }
    while cut() { hasChanged = true }
    return hasChanged
  }

  /// The paper goes on with the newer part of the window; river begins anew, which forgets the old mean at once.
  private mutating func reset() {
    (width, total, variance, ticks, hasChanged) = (0, 0, 0, 0, false)
    rows = [[]]
  }

  private mutating func compress() {
    var index = 0
    while index < rows.count, rows[index].count == maximumBuckets + 1 {
      if index + 1 == rows.count { rows.append([]) }
      let size = Double(1 << index)
      let (a, b) = (rows[index][0], rows[index][1])
      let difference = (a.total - b.total) / size
      rows[index + 1].append(
        Bucket(
          total: a.total + b.total,
          variance: a.variance + b.variance + size * size * difference * difference / (2 * size)))
      rows[index].removeFirst(2)
      index += 1
    }
  }

  /// Looks at every place between two buckets, the oldest first; where the parts differ the oldest bucket goes.
  private mutating func cut() -> Bool {
    var (oldCount, oldTotal) = (0.0, 0.0)
    for index in rows.indices.reversed() {
      for (place, bucket) in rows[index].enumerated() {
        if index == 0, place == rows[0].count - 1 { return false }
        oldCount += Double(1 << index)
        oldTotal += bucket.total
        let newCount = width - oldCount
        guard oldCount >= Double(minimumPart), newCount >= Double(minimumPart) else { continue }
        let difference = abs(oldTotal / oldCount - (total - oldTotal) / newCount)
        if difference > bound(oldCount, newCount) {
          dropOldest()
          return true
        }
      }
    }
    return false
  }

  /// Theorem 3.2 of the paper with the variance of the window.
  private func bound(_ old: Double, _ new: Double) -> Double {
    let least = Double(minimumPart)
    let harmonic = 1 / (old - least + 1) + 1 / (new - least + 1)
    let confidence = log(2 * log(width) / delta)
    return (2 * harmonic * variance / width * confidence).squareRoot()
      + 2.0 / 3 * confidence * harmonic
  }

  private mutating func dropOldest() {
    let index = rows.count - 1
    let bucket = rows[index].removeFirst()
    let size = Double(1 << index)
    width -= size
    total -= bucket.total
    let difference = bucket.total / size - total / width
    variance -= bucket.variance + size * width * difference * difference / (size + width)
    while rows.count > 1, rows[rows.count - 1].isEmpty { rows.removeLast() }
  }
}
