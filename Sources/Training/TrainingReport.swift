import Charts
import Foundation
import Tensor
import Transformer

/// One page on a training run: figures and curves, and what the task adds: for a classifier confusion, calibration and hardest rows.
public struct TrainingReport {
  private let job: ModelTraining
  private let options: TrainingOptions
  private let result: TrainingResult
  /// A classifier's validation rows, scored.
  private let classes: ClassifierPages?
  /// What a classifier's logits are to be divided by, so that confidence is accuracy: fitted on the validation rows. Nil for other
  /// tasks.
  public var temperature: Double? { classes?.temperature }

  /// Scores the validation rows with the weights that were kept.
  public init(
    _ job: ModelTraining, options: TrainingOptions, result: TrainingResult, kernels: Kernels
  ) throws {
    classes = try result.validation.classification.map {
      try ClassifierPages(job, $0, result: result, kernels: kernels)
    }
    (self.job, self.options, self.result) = (job, options, result)
  }

  /// Loss of each step (thinned) and of the looks.
  public var lossChart: LineChart {
    let history = result.history
    var smooth = Double.nan
    let steps = history.steps.map { step in
      smooth = smooth.isNaN || !step.loss.isFinite ? step.loss : 0.9 * smooth + 0.1 * step.loss
      return (x: Double(step.number), y: smooth)
    }
    return LineChart(
      title: "loss", xLabel: "step", yLabel: "loss",
      series: [
        .init("training, smoothed", steps),
        .init("validation", history.looks.map { (Double($0.step), $0.loss) }),
      ])
  }

  /// The rate of each step.
  public var rateChart: LineChart {
    LineChart(
      title: "learning rate", xLabel: "step", yLabel: "rate",
      series: [
        .init(
          "rate", result.history.steps.map { (Double($0.number), $0.learningRate) })
      ])
  }

  /// The task's figure at the looks.
  public var scoreChart: LineChart {
    let name = job.objective.scoreName
    return LineChart(
      title: "validation \(name)", xLabel: "epoch", yLabel: "\(name), %",
      series: [.init(name, result.history.looks.map { (Double($0.epoch), $0.score * 100) })])
  }

  /// The page.
  public func html(
    name: String, command: String, architecture: String, program: String
  ) -> String {
    var page = HTMLPage(title: "Training of \(name)")
    page.table(
      ["", ""],
      [
        ["model", architecture], ["made by", program],
        ["rows", "\(job.training.rows.count) training, \(job.validation.rows.count) validation"],
      ] + result.validation.summary.map { ["validation \($0.name)", $0.value] } + [
        ["best epoch", "\(result.bestEpoch) of \(result.epochs)"],
        ["rate", "\(options.learningRate), \(options.schedule.name), warm-up \(options.warmup)"],
        ["optimiser", options.optimizer.kind.rawValue],
        ["seed", "\(options.seed)"],
        [
          "time",
          String(format: "%.0f s, %.0f tokens/s", result.seconds, result.tokensPerSecond),
        ],
      ] + (classes?.calibration ?? []))
    page.code(command)
    if !result.history.events.isEmpty {
      page.heading("What the trainer did by itself")
      page.table(
        ["step", "what and why"],
        result.history.events.map { ["\($0.step)", $0.message] })
    }
    for chart in [lossChart, scoreChart, rateChart] + (classes.map { [$0.reliabilityChart] } ?? [])
    {
      page.figure(chart.svg)
    }
    classes?.add(to: &page)
    if let (columns, rows) = result.validation.byLabel {
      page.heading("By label on the validation rows")
      page.table(columns, Array(rows.prefix(1000)))
    }
    return page.document
  }
}
