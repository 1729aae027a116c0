import ArgumentParser
import Files
import Foundation
import JSON
import Tensor
import Training
import Transformer

struct BenchTraining: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "training",
    abstract: "Time training steps: forward, backward and AdamW.",
    discussion: """
      Batches are lists of row lengths on standard input, one JSON array a line, or rows of --tokens. The \
      share of the peak is that of the linear layers' multiply-adds over the whole step's time.

      Examples:
        martlet bench training --width 256 --layers 4 --tokens 64 --batch 32
        echo '[12, 17, 17, 40]' | martlet bench training --lengths -
      """)

  @Option(help: "Width of the model.") var width = 256
  @Option(help: "Encoder layers.") var layers = 4
  @Option(help: "Attention heads.") var heads = 4
  @Option(help: "Width inside the feed-forward block.") var feedForward = 1024
  @Option(help: "Tokens of the vocabulary.") var vocabulary = 8000
  @Option(help: "Tokens in a row.") var tokens = 64
  @Option(help: "Rows in a batch.") var batch = 32
  @Option(help: "Steps that are timed.") var steps = 20
  @Option(help: "File of batches as row lengths, one JSON array a line; - for standard input.")
  var lengths: String?
  @Option(help: "Threads; 0 for all cores.") var threads = ThreadCount.all
  @Option(help: "Seed of weights and ids.") var seed: UInt64 = 1
  @Flag(help: "Print one JSON object.") var json = false

  func run() throws {
    let cores = threads.count
    let kernels = try Kernels.best(threads: cores)
    var size = ModelSize()
    (size.vocabulary, size.width, size.layers) = (vocabulary, width, layers)
    (size.heads, size.feedForward) = (heads, feedForward)
    try size.validate()
    let batches = try batches()
    let longest = batches.flatMap(\.self).max() ?? 1
    let shape = ModelShape(
      vocabularySize: vocabulary, hiddenSize: width, layerCount: layers, headCount: heads,
      feedForwardSize: feedForward, maximumTokens: max(8, longest), labels: ["a", "b"])
    let benchmark = TrainingBenchmark(shape, lengths: batches, kernels: kernels)
    let timing = try benchmark.run(seed: seed)
    let total = timing.seconds.reduce(0, +)
    let measured = batches.suffix(timing.seconds.count)
    let operations = measured.reduce(0.0) {
      $0 + benchmark.operations(tokens: $1.reduce(0, +), sequences: $1.count)
    }
    let rate = operations * 2 / total / 1e9
    let peak = kernels.measuredPeak() / 1e9
    if json {
      let figures: JSONValue = [
        "tokens_per_second": JSONValue(timing.tokensPerSecond),
        "linear_gflops": JSONValue(rate), "peak_gflops": JSONValue(peak),
        "share_of_peak": JSONValue(rate / peak), "threads": JSONValue(cores),
        "kernels": .string(kernels.name), "steps": JSONValue(timing.seconds.count),
      ]
      try Console.print(figures.serialized())
    } else {
      try Console.print(
        String(
          format: "%.0f tokens/s, %.1f GFLOP/s in the linear layers, %.0f %% of a peak of %.1f, "
            + "%d threads, %@", timing.tokensPerSecond, rate, rate / peak * 100, peak, cores,
          kernels.name))
    }
  }

  /// Row lengths of each batch; the first three are not timed.
  private func batches() throws -> [[Int]] {
    let lengthRange = 1...4096
    if let lengths {
      return try IntegerRows.read(lengths, in: lengthRange, longest: 4096, atLeast: 4)
    }
    try TrainingError.check("--tokens", tokens, in: lengthRange)
    try TrainingError.check("--batch", batch, in: 1...4096)
    try TrainingError.check("--steps", steps, in: 1...1_000_000)
    return [[Int]](repeating: [Int](repeating: tokens, count: batch), count: steps + 3)
  }
}
