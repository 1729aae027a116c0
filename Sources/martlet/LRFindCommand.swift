import ArgumentParser
import Charts
import Files
import Foundation
import JSON
import Tensor
import Training

struct LRFind: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "lr-find",
    abstract: "Find a learning rate by a range test.",
    discussion: """
      The rate rises exponentially from --low to --high, one step at each. Where the smoothed loss \
      falls fastest the model learns fastest; where it rises again the rate is too high. The proposal \
      is half of the steepest point's rate, and at most a fifth of the rate where the loss breaks.

      Examples:
        martlet lr-find train.tsv
        martlet lr-find train.tsv --from all-MiniLM-L6-v2 -o range.svg
      """)

  @OptionGroup var source: DataFlags
  @OptionGroup var tune: FineTuneFlags
  @OptionGroup var training: TrainingFlags
  @OptionGroup var model: ModelFlags
  @Option(help: "First rate.") var low = RangeTest().low
  @Option(help: "Last rate.") var high = RangeTest().high
  @Option(help: "Steps of the test.") var steps = RangeTest().steps
  @Option(name: .shortAndLong, help: "Write the curve to this .svg file.")
  var output: String?
  @Flag(help: "Print one JSON object.") var json = false

  func run() throws {
    var options = try training.options(tune, width: model.width)
    if let output { try ChartFile.check(output) }
    let test = RangeTest(low: low, high: high, steps: steps)
    try test.validate()
    let kernels = try Kernels.best(threads: training.cores)
    let job = try TrainingJob.make(source, tune, model, seed: options.seed)
    try training.adapt(&options, to: job)
    if !json { try Console.print(TrainingJob.summary(job)) }
    let points = try test.run(job, options: options, kernels: kernels) { point in
      Console.showProgress(String(format: "rate %.2e  loss %.4f", point.rate, point.smoothed))
    }
    Console.showProgress("")
    let finding = RangeTest.find(points)
    let chart = RangeTestChart.chart(points, finding)
    if let output {
      try ChartFile.write(to: output, svg: chart.svg)
      Train.say("wrote \(output)")
    }
    if json {
      try Console.print(Self.json(points, finding).serialized())
    } else {
      try show(points, chart, finding)
    }
  }

  private func show(
    _ points: [RangeTest.Point], _ chart: LineChart, _ finding: RangeTest.Finding
  ) throws {
    try Console.print(chart.terminal(colors: Console.isOutputTerminal))
    func rate(_ value: Double) -> String { String(format: "%.2e", value) }
    if points.count < 20 {
      try Console.print(
        "the loss broke after \(points.count) steps, at \(rate(points.last?.rate ?? low)): begin with a lower --low"
      )
      return
    }
    try Console.print(
      "steepest fall at \(rate(finding.steepest)), lowest loss at \(rate(finding.lowest))")
    try Console.print(
      finding.diverged
        ? "the loss breaks at \(rate(finding.divergence))"
        : "the loss did not break up to \(rate(finding.divergence)); raise --high to see where")
    try Console.print(
      finding.isConclusive
        ? "a conservative choice: --learning-rate \(rate(finding.choice))"
        : "the loss hardly fell in \(steps) steps: take more --steps, or the default rate")
  }

  private static func json(
    _ points: [RangeTest.Point], _ finding: RangeTest.Finding
  ) -> JSONValue {
    [
      "steepest": JSONValue(finding.steepest), "divergence": JSONValue(finding.divergence),
      "diverged": JSONValue(finding.diverged), "lowest": JSONValue(finding.lowest),
      "choice": JSONValue(finding.choice), "conclusive": JSONValue(finding.isConclusive),
      "points": .array(
        points.map {
          [
            "rate": JSONValue($0.rate), "loss": JSONValue($0.loss),
            "smoothed": JSONValue($0.smoothed),
          ]
        }),
    ]
  }
}
