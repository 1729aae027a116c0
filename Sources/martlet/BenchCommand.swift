import ArgumentParser
import Files
import Foundation
import JSON
import Tensor

struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measure how fast a model runs on this machine.",
    subcommands: [BenchForward.self, BenchTokenizer.self, BenchTraining.self])
}

struct BenchForward: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "forward",
    abstract: "Time the forward pass: token ids in, hidden states out.",
    discussion: """
      Rows are of equal length, with ids drawn from the printed seed, unless --ids names a file of rows. Beside each
      figure stands the share of what the core's multiply-add units reach in registers, measured in the same run: of
      floats in the precision, or of 8-bit integers for an 8-bit model (whose attention has a lower ceiling). Short
      texts are bound by memory: the heading has its speed, each row that at which the weights were read.
      MARTLET_ISA=avx2 measures the lower instruction set. Pin the process for steady figures: taskset -c 1.

      Examples:
        martlet bench forward my-model
        martlet bench forward my-model --precision f32
        martlet bench forward my-model --tokens 16,128 --batch 1,8 --json
        echo '[101, 7592, 2088, 102]' | martlet bench forward my-model --ids -
      """)

  @Argument(help: "Model directory or a name on a hub, with or without a head.") var model: String
  @OptionGroup var precision: PrecisionOption
  @Option(help: "Tokens in a row, as a list.") var tokens = "8,16,32,64,128,256,512"
  @Option(help: "Rows in a batch, as a list.") var batch = "1,8,32"
  @Option(help: "Threads; 0 for all cores.") var threads = ThreadCount.one
  @Option(help: "Seconds for each shape, at most.") var seconds = 0.5
  @Option(help: "Seed of the token ids.") var seed: UInt64 = 1
  @Option(help: "File of token ids, one JSON array a row, as one batch; - for standard input.")
  var ids: String?
  @Flag(help: "Print one JSON object.") var json = false
  @Flag(
    help: """
      Answer each line {"ids": [[…]], "repeat": n} on standard input with {"ms": […], "embedding": [[…]]}.
      """)
  var interactive = false

  func validate() throws {
    guard (0...3600).contains(seconds) else {
      throw ValidationError("--seconds \(seconds): use a number from 0 to 3600.")
    }
  }

  func run() throws {
    let benchmark = try ForwardBenchmark(
      directory: ModelSource.directory(model), precision: precision.precision,
      threads: threads.count)
    if interactive { return try benchmark.answerLines() }
    var batches: [[[Int32]]] = []
    if let ids {
      batches = [try benchmark.rows(path: ids)]
    } else {
      let lengths = try Self.list(tokens, named: "--tokens")
      for rows in try Self.list(batch, named: "--batch") {
        batches += try lengths.map { try benchmark.randomRows(seed: seed, rows: rows, tokens: $0) }
      }
    }
    let peak = benchmark.measuredPeak()
    var results: [JSONValue] = []
    let memory = benchmark.measuredMemorySpeed()
    if !json { try Console.print(benchmark.heading(peak: peak, memory: memory, seed: seed)) }
    for rows in batches {
      let timing = try benchmark.measure(rows, seconds: seconds)
      if json {
        results.append(timing.json(peak: peak))
      } else {
        try Console.print(timing.text(peak: peak))
      }
    }
    if json {
      var object = benchmark.description(peak: peak, seed: seed)
      object["memory_gigabytes_per_second"] = JSONValue(memory / 1e9)
      object["results"] = .array(results)
      try Console.print(JSONValue.object(object).serialized())
    }
  }

  private static func list(_ text: String, named name: String) throws -> [Int] {
    try text.split(separator: ",", omittingEmptySubsequences: false).map { part in
      guard let value = Int(part), value > 0 else {
        throw ValidationError("\(name) takes positive whole numbers, as in 8,16,32, not '\(text)'.")
      }
      return value
    }
  }
}
