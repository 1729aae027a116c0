import Charts
import Foundation

/// What a search found, as tables and pictures.
public struct TuningReport: Sendable {
  /// The furthest outcome of each trial, the best first; failed ones last.
  public let ranking: [SearchOutcome]
  private let all: [SearchOutcome]
  private let options: [String]

  /// Reads `outcomes` of a search over `space`.
  public init(_ outcomes: [SearchOutcome], space: SearchSpace) {
    all = outcomes
    options = space.dimensions.map(\.option)
    var last: [Int: SearchOutcome] = [:]
    for outcome in outcomes where (last[outcome.trial.number]?.epochs ?? 0) <= outcome.epochs {
      last[outcome.trial.number] = outcome
    }
    ranking = last.values.sorted { Self.key($1) < Self.key($0) }
  }

  private static func key(_ o: SearchOutcome) -> (Double, Double, Int) {
    (o.score ?? -1, -(o.loss ?? .infinity), -o.trial.number)
  }

  /// The best trial; nil where all failed.
  public var best: SearchOutcome? { ranking.first { $0.score != nil } }

  /// Tokens read by all trials together.
  public var tokens: Int { ranking.reduce(0) { $0 + $1.tokens } }

  /// The ranking, at most `limit` lines.
  public func table(limit: Int = 20) -> String {
    let widths = options.map { max($0.count, 10) + 2 }
    func pad(_ text: String, _ width: Int) -> String {
      String(repeating: " ", count: max(0, width - text.count)) + text
    }
    var lines = [
      zip(options, widths).map { pad($0, $1) }.joined() + pad("epochs", 9) + pad("score", 11)
        + pad("loss", 9)
    ]
    for outcome in ranking.prefix(limit) {
      let cells = zip(options, widths).map { pad(outcome.trial.values[$0] ?? "", $1) }.joined()
      let figures =
        outcome.score.map {
          pad(String(format: "%.2f %%", $0 * 100), 11)
            + pad(String(format: "%.4f", outcome.loss ?? .nan), 9)
        } ?? "  failed: \(outcome.error ?? "")"
      lines.append(cells + pad("\(outcome.epochs)", 9) + figures)
    }
    return lines.joined(separator: "\n")
  }

  /// The best score, in percent, of each cell of learning rate by `option`. More than twelve rates are
  /// gathered in bins of a quarter of a decade. Nil where one of both was not varied.
  public func heatMap(by option: String) -> HeatMap? {
    guard options.contains("learning-rate"), options.contains(option) else { return nil }
    let points = ranking.compactMap { outcome -> (rate: Double, other: String, score: Double)? in
      guard let rate = outcome.trial.values["learning-rate"].flatMap({ Double($0) }),
        let other = outcome.trial.values[option], let score = outcome.score
      else { return nil }
      return (rate, other, score)
    }
    guard !points.isEmpty else { return nil }
    let rates = Set(points.map(\.rate)).sorted()
    func bin(_ rate: Double) -> Double {
      rates.count <= 12 ? rate : pow(10, (log10(rate) * 4).rounded() / 4)
    }
    let bins = Set(rates.map(bin)).sorted()
    let others = Set(points.map(\.other)).sorted {
      (Double($0) ?? 0, $0) < (Double($1) ?? 0, $1)
    }
    let values = others.map { other in
      bins.map { rate in
        points.filter { $0.other == other && bin($0.rate) == rate }.map { $0.score * 100 }.max()
      }
    }
    return HeatMap(
      title: "best validation score, %", xLabel: "learning rate", yLabel: option,
      columns: bins.map { Axis.label($0) }, rows: others, values: values)
  }

  /// For each value of `option`, the rate that did best with it: how the optimum moves.
  public func bestRates(by option: String) -> [(value: String, rate: Double, score: Double)] {
    guard options.contains("learning-rate"), options.contains(option) else { return [] }
    var best: [String: (Double, Double)] = [:]
    for outcome in ranking {
      guard let value = outcome.trial.values[option], best[value] == nil,
        let rate = outcome.trial.values["learning-rate"].flatMap({ Double($0) }),
        let score = outcome.score
      else { continue }
      best[value] = (rate, score)
    }
    return best.map { (value: $0, rate: $1.0, score: $1.1) }.sorted {
      (Double($0.value) ?? 0, $0.value) < (Double($1.value) ?? 0, $1.value)
    }
  }

  /// Accuracy by rate, one line for each value of `option` (all in one without).
  public func rateChart(by option: String?) -> LineChart? {
    guard options.contains("learning-rate") else { return nil }
    var groups: [String: [(x: Double, y: Double)]] = [:]
    for outcome in ranking {
      guard let rate = outcome.trial.values["learning-rate"].flatMap({ Double($0) }),
        let score = outcome.score
      else { continue }
      let name = option.flatMap { outcome.trial.values[$0] }.map { "\(option ?? "") \($0)" } ?? ""
      groups[name, default: []].append((rate, score * 100))
    }
    guard !groups.isEmpty else { return nil }
    var chart = LineChart(
      title: "validation score by learning rate", xLabel: "learning rate", yLabel: "score, %",
      series: groups.sorted { $0.key < $1.key }.map {
        LineChart.Series($0.key, $0.value.sorted { $0.x < $1.x }, isDots: true)
      })
    chart.isLogarithmic.x = true
    return chart
  }

  /// One page with the table and every picture.
  public func html(title: String, command: String) -> String {
    var page = HTMLPage(title: title)
    if let best {
      page.paragraph(
        String(
          format: "Best validation score: %.2f %% with %@.", (best.score ?? 0) * 100,
          options.map { "\($0) \(best.trial.values[$0] ?? "")" }.joined(separator: ", ")))
    }
    page.heading("The command to copy")
    page.code(command)
    for option in options where option != "learning-rate" {
      if let map = heatMap(by: option) {
        page.heading("Rate by \(option)")
        page.figure(map.svg)
        for row in bestRates(by: option) {
          page.paragraph(
            String(
              format: "%@ %@: best rate %.3g (%.2f %%)", option, row.value, row.rate,
              row.score * 100))
        }
      }
      if let chart = rateChart(by: option) { page.figure(chart.svg) }
    }
    if options.count == 1, let chart = rateChart(by: nil) { page.figure(chart.svg) }
    page.heading("All trials")
    page.code(table(limit: 1000))
    return page.document
  }
}
