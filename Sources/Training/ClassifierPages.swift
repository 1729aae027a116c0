import Charts
import Foundation
import Tensor
import Transformer

/// What a training report says of a classifier alone: calibration, confusion, hardest rows.
struct ClassifierPages {
  private let job: ModelTraining
  private let report: ClassificationReport
  private let scored: ScoredRows
  /// Validation rows that were scored.
  private let rows: [Int]
  /// What the logits are to be divided by, so that confidence is accuracy.
  let temperature: Double

  /// Scores the validation rows with the weights that were kept.
  init(
    _ job: ModelTraining, _ report: ClassificationReport, result: TrainingResult,
    kernels: Kernels
  ) throws {
    let encoder = Encoder(
      PackedWeights(result.parameters, kernels: kernels), kernels: kernels)
    let examples = job.tokenised.validation
    let spacing = ScoredRows.spacing(of: examples.count, classes: job.labels.count)
    rows = Array(stride(from: 0, to: examples.count, by: spacing))
    scored = try ScoredRows(encoder, examples: rows.map { examples[$0] })
    temperature = scored.fittedTemperature()
    (self.job, self.report) = (job, report)
  }

  /// Rows of the table of figures.
  var calibration: [[String]] {
    [
      ["temperature", String(format: "%.3f", temperature)],
      [
        "calibration error",
        String(
          format: "%.2f %% as trained, %.2f %% with the temperature",
          scored.calibrationError() * 100,
          scored.calibrationError(temperature: temperature) * 100),
      ],
    ]
  }

  /// Confidence against accuracy, as trained and with the temperature.
  var reliabilityChart: LineChart {
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

  /// Confusion and hardest rows.
  func add(to page: inout HTMLPage) {
    page.heading("Confusion on the validation rows")
    if report.labels.count <= 30 {
      var map = HeatMap(
        title: "rows", xLabel: "predicted", yLabel: "truth", columns: report.labels,
        rows: report.labels, values: report.confusion.map { $0.map { Double($0) } })
      map.digits = 0
      page.figure(map.svg)
    } else {
      page.table(
        ["truth", "predicted", "rows"],
        report.mistakes(limit: 30).map {
          [report.labels[$0.truth], report.labels[$0.predicted], "\($0.count)"]
        })
    }
    page.heading("Hardest validation rows")
    page.table(
      ["text", "truth", "predicted", "probability of the truth"],
      scored.hardest(limit: 20).map { hard in
        let row = job.validation.rows[rows[hard.row]]
        return [
          String(row.texts.joined(separator: " / ").prefix(200)), row.label,
          job.labels[hard.predicted], String(format: "%.4f", hard.probabilityOfTruth),
        ]
      })
  }
}
