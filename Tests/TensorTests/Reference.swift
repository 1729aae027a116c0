import Tensor

/// Seeded numbers for tests: SplitMix64 (Steele, Lea and Flood, 2014).
struct TestNumbers {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  mutating func uniform(_ range: ClosedRange<Float> = -1...1) -> Float {
    let unit = Float(next() >> 40) / Float(1 << 24)
    return range.lowerBound + unit * (range.upperBound - range.lowerBound)
  }

  mutating func matrix(_ rows: Int, _ columns: Int, _ range: ClosedRange<Float> = -1...1) -> Matrix
  {
    Matrix(rows: rows, columns: columns, (0..<rows * columns).map { _ in uniform(range) })
  }
}

/// The plain double-precision reading of each formula, which all kernels are held against.
enum Plain {
  static func product(_ a: [[Double]], _ b: [[Double]]) -> [[Double]] {
    a.map { row in
      (0..<(b.first?.count ?? 0)).map { j in row.indices.reduce(0) { $0 + row[$1] * b[$1][j] } }
    }
  }

  static func transpose(_ a: [[Double]]) -> [[Double]] {
    (0..<(a.first?.count ?? 0)).map { j in a.map { $0[j] } }
  }

  static func softmax(_ row: [Double]) -> [Double] {
    let top = row.max() ?? 0
    let e = row.map { exponential($0 - top) }
    let sum = e.reduce(0, +)
    return e.map { $0 / sum }
  }

  static func layerNorm(_ row: [Double], _ gain: [Double], _ bias: [Double], _ epsilon: Double)
    -> [Double]
  {
    let mean = row.reduce(0, +) / Double(row.count)
    let variance = row.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(row.count)
    return row.indices.map {
      (row[$0] - mean) / (variance + epsilon).squareRoot() * gain[$0] + bias[$0]
    }
  }
}

extension Matrix {
  var doubles: [[Double]] { (0..<rows).map { row($0).map(Double.init) } }
}

/// Largest difference, against the largest reference value or 1.
func difference(_ got: [[Double]], _ want: [[Double]]) -> Double {
  var worst = 0.0
  var size = 1.0
  for (g, w) in zip(got, want) {
    for (x, y) in zip(g, w) {
      guard x.isFinite else { return .infinity }
      worst = max(worst, abs(x - y))
      size = max(size, abs(y))
    }
  }
  return got.count == want.count ? worst / size : .infinity
}

/// Slope of `f` at each of `x` by central differences in double precision.
func slopes(_ x: [[Double]], _ f: ([[Double]]) -> Double) -> [[Double]] {
  var point = x
  return x.indices.map { i in
    x[i].indices.map { j in
      let step = 1e-5
      point[i][j] = x[i][j] + step
      let above = f(point)
      point[i][j] = x[i][j] - step
      let below = f(point)
      point[i][j] = x[i][j]
      return (above - below) / (2 * step)
    }
  }
}

/// Σ of the products of a result and fixed weights: a scalar whose gradient is those weights.
func weighed(_ result: [[Double]], _ weights: Matrix) -> Double {
  zip(result, weights.doubles).reduce(0) { $0 + zip($1.0, $1.1).reduce(0) { $0 + $1.0 * $1.1 } }
}
