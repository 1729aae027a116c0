import ArgumentParser
import Files
import Foundation
import JSON
import Tensor
import Training
import Transformer

/// An encoder under the clock.
struct ForwardBenchmark {
  private let encoder: Encoder
  private let kernels: Kernels
  private let shape: ModelShape
  /// Not `auto`.
  private let precision: Precision
  private let weightBytes: Int

  /// Reads and packs the model in `directory`.
  init(directory: String, precision asked: Precision, threads: Int) throws {
    precision = try ModelDirectory.precision(asked, directory: directory)
    kernels = try Kernels.best(threads: threads).inferring(in: asked)
    let parameters = try ModelDirectory.read(directory)
    shape = parameters.shape
    let weights = PackedWeights(parameters, kernels: kernels)
    weightBytes = weights.byteCount
    encoder = Encoder(weights, kernels: kernels)
  }

  /// `rows` rows of `tokens` ids drawn from `seed`; the same for the same arguments.
  func randomRows(seed: UInt64, rows: Int, tokens: Int) throws -> [[Int32]] {
    var generator = SeededGenerator(seed: seed &+ UInt64(tokens) << 32 &+ UInt64(rows))
    let made = (0..<rows).map { _ in
      (0..<tokens).map { _ in
        Int32.random(in: 0..<Int32(shape.vocabularySize), using: &generator)
      }
    }
    return try checked(made)
  }

  /// Rows from a file of lines that each hold a JSON array of ids; `-` for standard input.
  func rows(path: String) throws -> [[Int32]] {
    let range = 0...shape.vocabularySize - 1
    return try IntegerRows.read(path, in: range, longest: shape.maximumTokens)
      .map { $0.map(Int32.init) }
  }

  private static func ids(_ value: JSONValue?) throws -> [Int32] {
    let ids = value?.arrayValue?.map { $0.intValue.flatMap(Int32.init(exactly:)) } ?? []
    guard !ids.isEmpty, !ids.contains(nil) else {
      throw ValidationError(
        "A row of token ids is a JSON array of whole numbers: [101, 7592, 102].")
    }
    return ids.compactMap(\.self)
  }

  private func checked(_ rows: [[Int32]]) throws -> [[Int32]] {
    guard !rows.isEmpty else { throw ValidationError("There are no token ids to run.") }
    for row in rows {
      guard row.count <= shape.maximumTokens else {
        throw ValidationError(
          "A row has \(row.count) tokens; this model takes \(shape.maximumTokens).")
      }
      guard row.allSatisfy({ $0 >= 0 && Int($0) < shape.vocabularySize }) else {
        throw ValidationError(
          "A token id is outside this model's vocabulary of \(shape.vocabularySize).")
      }
    }
    return rows
  }

  /// Operations a second of one core with the chosen instruction set, times threads: multiply-adds of what the layers are
  /// computed in.
  func measuredPeak() -> Double {
    switch precision {
    case .int8: kernels.measuredPeak(of: .int8)
    case .bf16: kernels.measuredPeak(of: .bf16)
    case .f32, .auto: kernels.measuredPeak(of: .f32)
    }
  }

  /// What computes the layers.
  private var kernelName: String {
    switch precision {
    case .int8: kernels.integerName
    case .bf16: kernels.bfloatName
    case .f32, .auto: kernels.name
    }
  }

  /// Times `rows` as one batch until `seconds` are over, at least five times.
  func measure(_ rows: [[Int32]], seconds: Double) throws -> ForwardTiming {
    let batch = try TokenBatch(rows)
    for _ in 0..<3 { _ = encoder.hiddenStates(batch) }
    let allocations = allocationCount().map { before in
      _ = encoder.hiddenStates(batch)
      return (allocationCount() ?? before) - before
    }
    var times: [Double] = []
    let clock = ContinuousClock()
    let end = clock.now + .seconds(seconds)
    while clock.now < end || times.count < 5 { times.append(time(batch, clock)) }
    return ForwardTiming(
      rows: rows.count, tokens: batch.ids.count, milliseconds: times.sorted(),
      operations: rows.reduce(0) { $0 + operations($1.count) }, weightBytes: weightBytes,
      allocations: allocations)
  }

  private func time(_ batch: TokenBatch, _ clock: ContinuousClock) -> Double {
    clock.measure { _ = encoder.hiddenStates(batch) } / .milliseconds(1)
  }

  /// Floating-point operations of one row, a multiply-add counted as two: the linear layers and the
  /// two products of attention; norms, softmax and activations are left out.
  private func operations(_ tokens: Int) -> Double {
    let (products, attention) = shape.multiplyAdds(tokens: tokens)
    return 2 * (products + attention)
  }

  /// Answers lines until standard input ends, so that a script can time engines in alternation.
  func answerLines() throws {
    try show(.object(description(peak: measuredPeak(), seed: nil)))
    let clock = ContinuousClock()
    while let line = readLine() {
      let request = try JSONValue(parsing: line)
      let rows = try checked(try (request["ids"]?.arrayValue ?? []).map { try Self.ids($0) })
      let batch = try TokenBatch(rows)
      let times = (0..<max(1, request["repeat"]?.intValue ?? 1)).map { _ in time(batch, clock) }
      let states = encoder.hiddenStates(batch)
      let means = rows.indices.map { mean(states, batch.layout, sequence: $0) }
      try show(["ms": .array(times.map { JSONValue($0) }), "embedding": .array(means)])
    }
  }

  /// Mean over the tokens of one sequence.
  private func mean(_ states: Matrix, _ layout: RaggedRows, sequence: Int) -> JSONValue {
    let (start, count) = (layout[sequence].lowerBound, layout[sequence].count)
    var sums = [Double](repeating: 0, count: states.columns)
    for row in start..<start + count {
      for (column, value) in states.row(row).enumerated() { sums[column] += Double(value) }
    }
    return .array(sums.map { JSONValue($0 / Double(count)) })
  }

  private func show(_ value: JSONValue) throws {
    try Console.print(value.serialized())
  }

  /// Bytes a second that one core reads from memory: the ceiling of short texts.
  func measuredMemorySpeed() -> Double { kernels.measuredMemorySpeed() }

  /// What was run and on what.
  func description(peak: Double, seed: UInt64?) -> JSONObject {
    var object: JSONObject = [
      "isa": JSONValue(kernelName), "precision": JSONValue(precision.rawValue),
      "threads": JSONValue(kernels.pool.threads),
      (precision == .int8 ? "peak_int8_gops" : "peak_gflops"): JSONValue(
        (peak / 1e8).rounded() / 10),
    ]
    if let seed { object["seed"] = .number(.integer(Int(clamping: seed))) }
    return object
  }

  /// The first lines of the table.
  func heading(peak: Double, memory: Double, seed: UInt64) -> String {
    let gigaflops = String(format: "%.1f", peak / 1e9)
    let gigabytes = String(format: "%.1f", memory / 1e9)
    return """
      \(precision.rawValue) (\(kernelName)), \(kernels.pool.threads) thread(s), peak \(gigaflops) GFLOP/s, memory \(gigabytes) GB/s, seed \(seed)
       batch  tokens    median ms       min ms     tokens/s   GFLOP/s   of peak  weights GB/s  allocations
      """
  }

  /// Calls of `malloc` and its kin so far, where the counter of `Benchmarks/allocations` is preloaded.
  private func allocationCount() -> Int? {
    guard let symbol = dlsym(nil, "martlet_allocation_count") else { return nil }
    return unsafeBitCast(symbol, to: (@convention(c) () -> Int).self)()
  }
}

/// What was measured of one batch.
struct ForwardTiming {
  let rows, tokens: Int
  /// In rising order.
  let milliseconds: [Double]
  let operations: Double
  /// What each run reads of the weights.
  let weightBytes: Int
  let allocations: Int?

  private var median: Double { milliseconds[milliseconds.count / 2] }
  private var flops: Double { operations / median * 1e3 }
  private var weightSpeed: Double { Double(weightBytes) / median * 1e3 }

  func text(peak: Double) -> String {
    String(
      format: "%6d %7d %12.3f %12.3f %12.0f %9.1f %8.1f%% %13.1f  ", rows, tokens / rows, median,
      milliseconds[0], Double(tokens) / median * 1e3, flops / 1e9, flops / peak * 100,
      weightSpeed / 1e9)
      + (allocations.map(String.init) ?? "-")
  }

  func json(peak: Double) -> JSONValue {
    var object: JSONObject = [
      "batch": JSONValue(rows), "tokens": JSONValue(tokens / rows), "median_ms": JSONValue(median),
      "min_ms": JSONValue(milliseconds[0]), "runs": JSONValue(milliseconds.count),
      "tokens_per_second": JSONValue(Double(tokens) / median * 1e3),
      "gflops": JSONValue(flops / 1e9), "share_of_peak": JSONValue(flops / peak),
      "weights_gigabytes_per_second": JSONValue(weightSpeed / 1e9),
    ]
    if let allocations { object["allocations"] = JSONValue(allocations) }
    return .object(object)
  }
}
