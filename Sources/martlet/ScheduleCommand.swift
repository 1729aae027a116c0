import ArgumentParser
import Charts
import Files
import Foundation
import Training

/// Flags of the shapes that have parameters, for every command that takes a schedule.
struct ScheduleOptions: ParsableArguments {
  @Option(
    name: .customLong("t0"),
    help: "cosine-restarts: steps of the first period; 0 for a seventh of the run.")
  var firstPeriod = ScheduleShape.Parameters().firstPeriod
  @Option(
    name: .customLong("t-mult"),
    help: "cosine-restarts: length of each period as a multiple of the one before.")
  var multiplier = ScheduleShape.Parameters().multiplier
  @Option(help: "polynomial: the exponent.") var power = ScheduleShape.Parameters().power
  @Option(help: "exponential: where it ends, as a share of the peak.")
  var final = ScheduleShape.Parameters().final
  @Option(help: "step: steps between the falls; 0 for a third of the run.")
  var stepSize = ScheduleShape.Parameters().every
  @Option(help: "step, plateau: what the rate is multiplied by at each fall.")
  var factor = ScheduleShape.Parameters().factor
  @Option(help: "one-cycle: share of the steps in which the rate rises.")
  var risingShare = ScheduleShape.Parameters().risingShare
  @Option(help: "one-cycle: the first rate is the peak divided by this.")
  var startDivisor = ScheduleShape.Parameters().startDivisor
  @Option(help: "one-cycle: the last rate is the first one divided by this.")
  var finalDivisor = ScheduleShape.Parameters().finalDivisor
  @Option(help: "wsd: share of the steps in which the rate falls.")
  var decayShare = ScheduleShape.Parameters().decayShare
  @Option(help: "wsd: how it falls: linear, cosine, 1-sqrt.") var decayCurve = "cosine"
  @Option(help: "plateau: epochs without a better loss before the rate falls.")
  var plateauPatience = ScheduleShape.Parameters().patience
  @Option(help: "Share of the peak at which the schedule ends instead of 0.") var floor = 0.0

  func parameters() throws -> ScheduleShape.Parameters {
    var p = ScheduleShape.Parameters()
    (p.firstPeriod, p.multiplier, p.power, p.final) = (firstPeriod, multiplier, power, final)
    (p.every, p.factor, p.risingShare) = (stepSize, factor, risingShare)
    (p.startDivisor, p.finalDivisor, p.decayShare) = (startDivisor, finalDivisor, decayShare)
    p.patience = plateauPatience
    guard let curve = ScheduleShape.DecayCurve(rawValue: decayCurve) else {
      throw TrainingError.badOption(
        name: "--decay-curve", value: decayCurve, allowed: "linear, cosine or 1-sqrt")
    }
    p.curve = curve
    try p.validate()
    guard floor >= 0 && floor <= 1 else {
      throw TrainingError.badOption(name: "--floor", value: "\(floor)", allowed: "from 0 to 1")
    }
    return p
  }

  func shape(_ name: String, flag: String) throws -> ScheduleShape {
    guard let shape = ScheduleShape(name: name, parameters: try parameters()) else {
      throw TrainingError.badOption(
        name: flag, value: name, allowed: "one of " + ScheduleShape.names.joined(separator: ", "))
    }
    return shape
  }
}

struct Schedule: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print and draw learning-rate schedules.",
    discussion: """
      Names: \(ScheduleShape.names.joined(separator: ", ")), or all. Several names are laid over \
      one another. What is drawn is what `martlet train --schedule NAME` does; plateau is drawn over \
      a made-up loss that falls until half of the steps.

      Examples:
        martlet schedule cosine --steps 1000 --warmup 100 --peak 3e-4
        martlet schedule cosine linear wsd --steps 5000 --warmup 5% -o schedules.svg
        martlet schedule inverse-sqrt --d-model 512 --steps 100000 --warmup 4000
        martlet schedule cosine-restarts --t0 100 --t-mult 2 --steps 700 --csv > rates.csv
      """)

  @Argument(help: "One schedule or several.") var names: [String]
  @Option(help: "Steps of the run.") var steps = 1000
  @Option(help: "Linear warm-up: steps, or a share such as 0.1 or 10%.") var warmup = "0"
  @Option(help: "Highest rate.") var peak: Double = 1e-3
  @Option(help: "inverse-sqrt: the peak that the 2017 paper gives a model of this width.")
  var dModel: Int?
  @OptionGroup var options: ScheduleOptions
  @Flag(help: "Print every step as comma-separated values.") var csv = false
  @Option(help: "Rows of the table.") var rows = 20
  @Option(name: .shortAndLong, help: "Write the curve to this .svg file.")
  var output: String?

  func run() throws {
    let schedules = try makeSchedules()
    let rates = schedules.map { name, schedule in Self.rates(name, schedule, steps) }
    let header = schedules.map(\.0)
    if csv {
      try Console.print((["step"] + header).joined(separator: ","))
      for first in stride(from: 0, to: steps, by: 1000) {
        let lines = (first..<min(first + 1000, steps)).map { step in
          "\(step)," + rates.map { "\($0[step])" }.joined(separator: ",")
        }
        try Console.print(lines.joined(separator: "\n"))
      }
    } else {
      try printTable(header, rates)
    }
    var chart = LineChart(
      title: "learning rate by step", xLabel: "step", yLabel: "rate",
      series: zip(header, rates).map { name, values in
        LineChart.Series(name, values.enumerated().map { (Double($0), $1) })
      })
    chart.fromZero = true
    if !csv {
      try Console.print("\n" + chart.terminal(colors: Console.isOutputTerminal))
    }
    if let output {
      try ChartFile.write(to: output, svg: chart.svg)
      Console.say("wrote \(output)")
    }
  }

  private func makeSchedules() throws -> [(String, LearningRateSchedule)] {
    func bad(_ name: String, _ value: String, _ allowed: String) -> TrainingError {
      .badOption(name: name, value: value, allowed: allowed)
    }
    guard (1...10_000_000).contains(steps) else {
      throw bad("--steps", "\(steps)", "from 1 to 10000000")
    }
    guard peak > 0 && peak.isFinite else { throw bad("--peak", "\(peak)", "above 0") }
    guard (2...10_000).contains(rows) else { throw bad("--rows", "\(rows)", "from 2 to 10000") }
    if let output { try ChartFile.check(output) }
    guard let length = WarmupLength(warmup) else {
      throw bad("--warmup", warmup, "whole steps, or a share such as 0.1 or 10%")
    }
    try length.validate(totalSteps: steps)
    let wanted = names == ["all"] ? ScheduleShape.names : names
    return try wanted.map { name in
      var schedule = LearningRateSchedule(
        peak: peak, warmupSteps: length.steps(of: steps), totalSteps: steps,
        shape: try options.shape(name, flag: "the schedule"), floor: options.floor)
      if let dModel, case .inverseSquareRoot = schedule.shape {
        guard dModel > 0 else { throw bad("--d-model", "\(dModel)", "above 0") }
        schedule.peak = LearningRateSchedule.paperPeak(
          modelWidth: dModel, warmupSteps: schedule.warmupSteps)
      }
      return (name, schedule)
    }
  }

  private static func rates(
    _ name: String, _ schedule: LearningRateSchedule, _ steps: Int
  ) -> [Double] {
    guard case .reduceOnPlateau(var reducer) = schedule.shape else {
      return (0..<steps).map { schedule.rate(at: $0) }
    }
    // A look every twentieth of the run, on a loss that stops falling at half of it.
    let every = max(1, steps / 20)
    return (0..<steps).map { step in
      if step > 0 && step % every == 0 {
        reducer.observe(1 + max(0, 1 - 2 * Double(step) / Double(steps)))
      }
      return schedule.rate(at: step) * reducer.scale
    }
  }

  private func printTable(_ header: [String], _ rates: [[Double]]) throws {
    func pad(_ text: String) -> String {
      String(repeating: " ", count: max(0, 16 - text.count)) + text
    }
    try Console.print("    step" + header.map(pad).joined())
    let every = max(1, (steps - 1) / max(1, rows - 1))
    var shown = Array(stride(from: 0, to: steps, by: every))
    if shown.last != steps - 1 { shown.append(steps - 1) }
    for step in shown {
      let number = "\(step)"
      let cells = rates.map { pad(String(format: "%.6g", $0[step])) }
      try Console.print(
        String(repeating: " ", count: max(0, 8 - number.count)) + number + cells.joined())
    }
  }
}
