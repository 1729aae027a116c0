/// Orders rows into batches of similar length: less uneven work a step, still random.
struct BatchSampler {
  let lengths: [Int]
  let batchSize: Int

  /// The batches of one epoch. Rows are shuffled, sorted by length within pools of many batches,
  /// and the batches shuffled, all by `generator`.
  func epoch(using generator: inout SeededGenerator) -> [[Int]] {
    var order = Array(lengths.indices)
    order.shuffle(using: &generator)
    let pool = batchSize * 32
    var batches: [[Int]] = []
    for start in stride(from: 0, to: order.count, by: pool) {
      let part = order[start..<min(start + pool, order.count)].sorted {
        (lengths[$0], $0) < (lengths[$1], $1)
      }
      for first in stride(from: 0, to: part.count, by: batchSize) {
        batches.append(Array(part[first..<min(first + batchSize, part.count)]))
      }
    }
    batches.shuffle(using: &generator)
    return batches
  }

  var batchesPerEpoch: Int {
    let pool = batchSize * 32
    let whole = lengths.count / pool
    let rest = lengths.count % pool
    return whole * 32 + (rest + batchSize - 1) / batchSize
  }
}
