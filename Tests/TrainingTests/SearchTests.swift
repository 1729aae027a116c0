import Foundation
import Testing
import Training

private func space() throws -> SearchSpace {
  SearchSpace([
    try SearchDimension(option: "learning-rate", text: "1e-4..1e-2"),
    try SearchDimension(option: "batch", text: "16,32"),
  ])
}

/// Runs a search against a made-up score: best at 1e-3, better with each epoch.
private func search(
  _ strategy: SearchStrategy, score: (SearchJob) -> Double?
) -> [SearchOutcome] {
  var strategy = strategy
  var outcomes: [SearchOutcome] = []
  while case .run(let job) = strategy.next() {
    let outcome = SearchOutcome(
      trial: job.trial, epochs: job.epochs, score: score(job), loss: 1, tokens: 1, seconds: 1)
    outcomes.append(outcome)
    strategy.report(outcome)
  }
  return outcomes
}

private func quality(_ job: SearchJob) -> Double {
  let rate = Double(job.trial.values["learning-rate"] ?? "") ?? 1
  return 0.9 - 0.1 * abs(log10(rate) + 3) + 0.001 * Double(job.epochs)
}

@Suite("Search for options")
struct SearchTests {
  @Test("Ranges and lists are read; senseless ones are refused")
  func dimensions() throws {
    #expect(
      try SearchDimension(option: "learning-rate", text: "1e-4..1e-2").values
        == .range(low: 1e-4, high: 1e-2, isLogarithmic: true))
    #expect(
      try SearchDimension(option: "dropout", text: "0..0.3").values
        == .range(low: 0, high: 0.3, isLogarithmic: false))
    #expect(
      try SearchDimension(option: "batch", text: "16, 32").values == .choices(["16", "32"]))
    for text in ["", "1e-2..1e-4", "0..1", "a..b", "16,16", "1..inf"] {
      #expect(throws: TrainingError.self, "\(text)") {
        try SearchDimension(option: "learning-rate", text: text)
      }
    }
  }

  @Test("A grid is every combination, its rates a constant factor apart")
  func grid() throws {
    let grid = try space().grid(points: 3)
    #expect(grid.count == 6)
    #expect(Set(grid.compactMap { $0["learning-rate"] }) == ["0.0001", "0.001", "0.01"])
    let run = search(
      SearchStrategy(.grid, space: try space(), trials: 0, points: 3, epochs: 4, seed: 1),
      score: quality)
    #expect(run.count == 6 && run.allSatisfy { $0.epochs == 4 })
  }

  @Test("Random and Sobol draws are the same for a seed, and inside the space")
  func draws() throws {
    for kind in [SearchStrategy.Kind.random, .sobol] {
      func values(_ seed: UInt64) throws -> [[String: String]] {
        search(
          SearchStrategy(
            kind, space: try space(), trials: 16, points: 1, epochs: 1, seed: seed),
          score: quality
        ).map(\.trial.values)
      }
      #expect(try values(1) == values(1))
      #expect(try values(1) != values(2))
      let rates = try values(1).compactMap { $0["learning-rate"].flatMap { Double($0) } }
      #expect(rates.count == 16 && rates.allSatisfy { $0 >= 1e-4 && $0 <= 1e-2 })
      // Half of them on either side of the middle of the logarithm, within what chance allows.
      let low = rates.count { $0 < 1e-3 }
      #expect((3...13).contains(low))
    }
  }

  /// SciPy's `qmc.Sobol(d=10, scramble=False).random(8)`.
  @Test func sobol() {
    var sequence = SobolSequence(dimensions: 10)
    let points: [[Double]] = [
      [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
      [0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5],
      [0.75, 0.25, 0.25, 0.25, 0.75, 0.75, 0.25, 0.75, 0.75, 0.75],
      [0.25, 0.75, 0.75, 0.75, 0.25, 0.25, 0.75, 0.25, 0.25, 0.25],
      [0.375, 0.375, 0.625, 0.875, 0.375, 0.125, 0.375, 0.875, 0.875, 0.625],
      [0.875, 0.875, 0.125, 0.375, 0.875, 0.625, 0.875, 0.375, 0.375, 0.125],
      [0.625, 0.125, 0.875, 0.625, 0.625, 0.875, 0.125, 0.125, 0.125, 0.375],
      [0.125, 0.625, 0.375, 0.125, 0.125, 0.375, 0.625, 0.625, 0.625, 0.875],
    ]
    for point in points { #expect(sequence.next() == point) }
  }

  @Test("ASHA gives few trials many epochs, ends with the best, and keeps to its budget")
  func asha() throws {
    let run = search(
      SearchStrategy(
        .asha, space: try space(), trials: 27, points: 1, epochs: 9, keep: 3, seed: 3),
      score: quality)
    let at = { (epochs: Int) in run.filter { $0.epochs == epochs } }
    // Asynchronous: one that led when it went on may be overtaken, so that some more go on.
    #expect(at(1).count == 27 && (9...14).contains(at(3).count) && (3...6).contains(at(9).count))
    let best = try #require(at(1).max { ($0.score ?? 0) < ($1.score ?? 0) })
    #expect(at(9).contains { $0.trial == best.trial })
    let bounded = search(
      SearchStrategy(
        .asha, space: try space(), trials: 27, points: 1, epochs: 9, keep: 3, budget: 30, seed: 3),
      score: quality)
    var spent: [Int: Int] = [:]
    for outcome in bounded { spent[outcome.trial.number] = outcome.epochs }
    #expect(spent.values.reduce(0, +) <= 30)
  }

  @Test("A budget keeps enough for one whole run of the leader, and is used up", arguments: 9...40)
  func wholeRun(budget: Int) throws {
    let run = search(
      SearchStrategy(
        .asha, space: try space(), trials: 27, points: 1, epochs: 9, keep: 3, budget: budget,
        seed: 3),
      score: quality)
    var spent: [Int: Int] = [:]
    for outcome in run { spent[outcome.trial.number] = outcome.epochs }
    let total = spent.values.reduce(0, +)
    #expect(spent.values.contains(9) && total <= budget && total > budget - 6)
  }

  @Test("A failed trial never goes on, and a search whose trials all fail ends")
  func failures() throws {
    let run = search(
      SearchStrategy(
        .asha, space: try space(), trials: 9, points: 1, epochs: 9, seed: 1)
    ) { _ in nil }
    #expect(run.count == 9)
    #expect(TuningReport(run, space: try space()).best == nil)
  }

  @Test("The journal remembers outcomes, drops a cut line, and refuses another search")
  func journal() throws {
    let path = NSTemporaryDirectory() + "journal-\(UUID().uuidString).jsonl"
    defer { try? FileManager.default.removeItem(atPath: path) }
    let trial = SearchTrial(number: 3, values: ["batch": "16"])
    let outcome = SearchOutcome(
      trial: trial, epochs: 2, score: 0.75, loss: 0.5, tokens: 10, seconds: 1)
    do {
      let journal = try TuningJournal(path: path, description: "a", data: "1")
      try journal.add(outcome)
      try journal.add(outcome)
    }
    let whole = try Data(contentsOf: URL(fileURLWithPath: path))
    try whole.dropLast(5).write(to: URL(fileURLWithPath: path))
    let again = try TuningJournal(path: path, description: "a", data: "1")
    #expect(again.outcomes == [outcome])
    #expect(again.outcome(of: SearchJob(trial: trial, epochs: 2)) == outcome)
    #expect(again.outcome(of: SearchJob(trial: trial, epochs: 3)) == nil)
    try again.add(outcome)
    #expect(try TuningJournal(path: path, description: "a", data: "1").outcomes.count == 2)
    #expect(throws: JournalError.otherSearch(path: path)) {
      try TuningJournal(path: path, description: "b", data: "1")
    }
    #expect(throws: JournalError.otherData(path: path)) {
      try TuningJournal(path: path, description: "a", data: "2")
    }
  }

  @Test("The report ranks trials, and shows the best rate of each batch size")
  func report() throws {
    let run = search(
      SearchStrategy(.grid, space: try space(), trials: 0, points: 5, epochs: 1, seed: 1)
    ) { quality($0) + ($0.trial.values["batch"] == "32" ? 0.01 : 0) }
    let report = TuningReport(run, space: try space())
    #expect(report.best?.trial.values == ["learning-rate": "0.001", "batch": "32"])
    #expect(report.bestRates(by: "batch").map(\.rate) == [1e-3, 1e-3])
    #expect(report.bestRates(by: "width").isEmpty && report.heatMap(by: "width") == nil)
    let map = try #require(report.heatMap(by: "batch"))
    #expect(map.rows == ["16", "32"] && map.columns.count == 5)
    #expect(report.html(title: "t", command: "c").contains("<svg"))
  }
}
