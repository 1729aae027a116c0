import Charts
import Foundation
import Tensor
import Transformer

/// One page on a training run: figures, curves, confusion, calibration, hardest rows.
public struct TrainingReport {
  private let job: ClassifierTraining
  private let options: TrainingOptions
  private let result: TrainingResult
  private let scored: ScoredRows
  /// Validation rows that were scored.
  private let rows: [Int]
  /// What the logits are to be divided by, so that confidence is accuracy: fitted on the validation
  /// rows.
  public let temperature: Double

  /// Scores the validation rows with the weights that were kept.
  public init(
    _ job: ClassifierTraining, options: TrainingOptions, result: TrainingResult, kernels: Kernels
  ) throws {
    let encoder = Encoder(
      PackedWeights(result.parameters, kernels: kernels), kernels: kernels)
    let examples = job.tokenised.validation
    let spacing = ScoredRows.spacing(of: examples.count, classes: job.labels.count)
    rows = Array(stride(from: 0, to: examples.count, by: spacing))
    scored = try ScoredRows(encoder, examples: rows.map { examples[$0] })
    temperature = scored.fittedTemperature()
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
      title: "loss", xLabel: "step", yLabel: "cross-entropy",
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

  /// Accuracy of the looks.
  public var accuracyChart: LineChart {
    LineChart(
      title: "validation accuracy", xLabel: "epoch", yLabel: "accuracy, %",
      series: [
        .init("accuracy", result.history.looks.map { (Double($0.epoch), $0.accuracy * 100) })
      ])
  }

  private var reliabilityChart: LineChart {
    func line(_ name: String, _ temperature: Double) -> LineChart.Series {
      .init(
        name,
        scored.reliability(temperature: temperature).map {
          ($0.confidence * 100, $0.accuracy * 100)
        }
      )
    }
    return LineChart(
      title: "reliability", xLabel: "confidence, %", yLabel: "accuracy, %",
      series: [
        line("as trained", 1), line(String(format: "temperature %.2f", temperature), temperature),
        .init("ideal", [(0, 0), (100, 100)], isFaint: true),
      ])
  }

  /// The page.
  public func html(
    name: String, command: String, architecture: String, program: String
  ) -> String {
    var page = HTMLPage(title: "Training of \(name)")
    let v = result.validation
    page.table(
      ["", ""],
      [
        ["model", architecture], ["made by", program],
        ["rows", "\(job.training.rows.count) training, \(job.validation.rows.count) validation"],
        ["validation accuracy", String(format: "%.2f %%", v.accuracy * 100)],
        ["macro-F1", String(format: "%.4f", v.macroF1)], ["loss", String(format: "%.4f", v.loss)],
        ["best epoch", "\(result.bestEpoch) of \(result.epochs)"],
        ["rate", "\(options.learningRate), \(options.schedule.name), warm-up \(options.warmup)"],
        ["optimiser", options.optimizer.kind.rawValue],
        ["seed", "\(options.seed)"],
        [
          "time",
          String(format: "%.0f s, %.0f tokens/s", result.seconds, result.tokensPerSecond),
        ],
        ["temperature", String(format: "%.3f", temperature)],
        [
          "calibration error",
          String(
            format: "%.2f %% as trained, %.2f %% with the temperature",
            scored.calibrationError() * 100,
            scored.calibrationError(temperature: temperature) * 100),
        ],
      ])
    page.code(command)
    if !result.history.events.isEmpty {
      page.heading("What the trainer did by itself")
      page.table(
        ["step", "what and why"],
        result.history.events.map { ["\($0.step)", $0.message] })
    }
    for chart in [lossChart, accuracyChart, rateChart, reliabilityChart] {
      page.figure(chart.svg)
    }
    addConfusion(to: &page)
    page.heading("Hardest validation rows")
    page.table(
      ["text", "truth", "predicted", "probability of the truth"],
      scored.hardest(limit: 20).map { hard in
        let row = job.validation.rows[rows[hard.row]]
        return [
          String(row.text.prefix(200)), row.label, job.labels[hard.predicted],
          String(format: "%.4f", hard.probabilityOfTruth),
        ]
      })
    return page.document
  }

  private func addConfusion(to page: inout HTMLPage) {
    let v = result.validation
    page.heading("Confusion on the validation rows")
    if v.labels.count <= 30 {
      var map = HeatMap(
        title: "rows", xLabel: "predicted", yLabel: "truth", columns: v.labels, rows: v.labels,
        values: v.confusion.map { $0.map { Double($0) } })
      map.digits = 0
      page.figure(map.svg)
    } else {
      page.table(
        ["truth", "predicted", "rows"],
        v.mistakes(limit: 30).map { [v.labels[$0.truth], v.labels[$0.predicted], "\($0.count)"] })
    }
    page.table(
      ["label", "precision", "recall", "F1"],
      v.labels.indices.prefix(1000).map { label in
        [v.labels[label]]
          + [v.precision(label), v.recall(label), v.f1(label)].map(ClassificationReport.text)
      })
  }
}
