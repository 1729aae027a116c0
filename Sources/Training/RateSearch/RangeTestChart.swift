import Charts

/// The picture of a range test.
public enum RangeTestChart {
  /// Loss by rate, with the places that were found.
  public static func chart(_ points: [RangeTest.Point], _ finding: RangeTest.Finding) -> LineChart {
    // What lies far above the start hides the fall.
    let top = 1.5 * (points.first?.loss ?? 1)
    var chart = LineChart(
      title: "learning-rate range test", xLabel: "learning rate", yLabel: "loss",
      series: [
        .init("loss of a batch", points.map { ($0.rate, min($0.loss, top)) }, isFaint: true),
        .init("smoothed", points.map { ($0.rate, min($0.smoothed, top)) }),
      ])
    chart.isLogarithmic.x = true
    chart.markers = [
      .init(x: finding.choice, label: "choice"), .init(x: finding.steepest, label: "steepest"),
    ]
    if finding.diverged { chart.markers.append(.init(x: finding.divergence, label: "breaks")) }
    return chart
  }
}
