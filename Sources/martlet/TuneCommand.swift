import ArgumentParser
import Charts
import Dispatch
import Files
import Foundation
import JSON
import Synchronization
import Tensor
import Training

struct Tune: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Search for a learning rate and other options.",
    discussion: """
      Each trial is a `martlet train` of its own. OUTPUT/journal.jsonl keeps what is known, and the \
      same command goes on after an interruption. Values are drawn from a range such as 1e-4..1e-2 \
      (rates and decays over their logarithm) or chosen from a list such as 16,32,64.

      Examples:
        martlet tune train.tsv --validation validation.tsv -o search \\
          --learning-rate 1e-4..1e-2 --batch 16,32,64
        martlet tune train.tsv --validation validation.tsv -o search --search grid --grid-points 5 \\
          --learning-rate 1e-4..1e-2 --width 64,128 --parallel 2
        martlet tune train.tsv -o search --learning-rate 1e-5..1e-3 -- --from all-MiniLM-L6-v2
        martlet tune train.tsv -o search --executor slurm --parallel 16 --threads 4 \
          --slurm-options '--partition=cpu --time=60'
      """)

  @OptionGroup var source: DataFlags
  @Option(name: .shortAndLong, help: "Folder for journal, logs and report, made if missing.")
  var output: String
  @Option(help: "grid, random, sobol or asha.") var search = "asha"
  @Option(help: "Trials; a grid tries all of its own. [default: 20, or what --budget allows]")
  var trials: Int?
  @Option(help: "Values of each range in a grid.") var gridPoints = 5
  @Option(help: "Epochs of a whole run.") var epochs = 9
  @Option(help: "asha: epochs after which runs are first compared.") var firstRung = 1
  @Option(help: "asha: one trial in so many goes on, for so many times as many epochs.") var keep =
    3
  @Option(help: "Epochs of all trials together, after which no trial begins; 0 for no limit.")
  var budget = 0
  @Option(help: "Processes at the same time.") var parallel = 1
  @Option(help: "Threads of all processes together; 0 for all cores.") var threads = ThreadCount.all
  @Option(
    help: ArgumentHelp(
      "'slurm' for job arrays, or a command that runs a trial elsewhere and waits.",
      discussion: """
        With slurm, --parallel is how many trials are in its queue at once, --threads the cores of \
        each, and the output folder one that all nodes see. A command is such as 'ssh host {}'.
        """))
  var executor: String?
  @Option(
    parsing: .unconditional,
    help: "slurm: further options of sbatch, such as '--partition=cpu --time=60'.")
  var slurmOptions: String?
  @Option(help: "Seed of the draws and of the trials.") var seed: UInt64 = 1

  @Option(help: "Learning rates.") var learningRate = "1e-4..1e-2"
  @Option(help: "Batch sizes.") var batch: String?
  @Option(help: "Schedules.") var schedule: String?
  @Option(help: "Warm-ups.") var warmup: String?
  @Option(help: "Weight decays.") var weightDecay: String?
  @Option(help: "Dropouts.") var dropout: String?
  @Option(help: "Widths.") var width: String?
  @Option(help: "Numbers of layers.") var layers: String?
  @Option(help: "Optimisers.") var optimizer: String?
  @Argument(parsing: .postTerminator, help: "Further options of `martlet train`, for every trial.")
  var further: [String] = []

  func run() throws {
    let space = try makeSpace()
    let kind: SearchStrategy.Kind = try Choice.of("--search", search)
    let data = try check()
    try Folder.make(output + "/trials")
    let owner = try FolderLock(output)
    defer { withExtendedLifetime(owner) {} }
    let strategy = SearchStrategy(
      kind, space: space, trials: trials ?? defaultTrials(kind), points: gridPoints,
      epochs: epochs, firstRung: firstRung, keep: keep, budget: budget, seed: seed)
    let journal = try openJournal(description(kind), data)
    Train.say(
      "\(kind.rawValue) search over \(space.dimensions.map(\.option).joined(separator: ", ")): "
        + "at most \(strategy.trialCount) trials of \(epochs) epochs, seed \(seed)")
    if !journal.outcomes.isEmpty {
      Train.say("\(journal.outcomes.count) outcomes are in the journal already")
    }
    let pool = TrialPool(
      strategy: strategy, journal: journal, executor: makeExecutor(), parallel: parallel
    ) { job in command(job) }
    do {
      let (spent, outcomes) = try pool.run()
      try conclude(TuningReport(outcomes, space: space), spent: spent)
    } catch is SearchInterruption { Interruption.wait() }
  }

  private var usesSlurm: Bool { executor == "slurm" }

  /// Cores of one trial.
  private var trialThreads: Int {
    if usesSlurm { return threads.given > 0 ? threads.given : 2 }
    let cores = threads.count
    return max(1, cores / parallel)
  }

  private func makeExecutor() -> any TrialExecutor {
    guard usesSlurm else {
      let processes = ProcessExecutor(template: executor)
      Interruption.onEnd { processes.end() }
      return processes
    }
    let options = slurmOptions?.split(separator: " ").map(String.init) ?? []
    let slurm = SlurmExecutor(folder: output + "/slurm", options: options, threads: trialThreads) {
      Train.say($0)
    }
    Interruption.onEnd { slurm.cancel() }
    return slurm
  }

  /// The journal of this search. Over data that have changed since, a new one begins, and the old one is kept beside it.
  private func openJournal(_ description: String, _ data: String) throws -> TuningJournal {
    func open() throws -> TuningJournal {
      try TuningJournal(path: output + "/journal.jsonl", description: description, data: data)
    }
    do { return try open() } catch JournalError.otherData {
      let files = FileManager.default
      let number = (1...).first { !files.fileExists(atPath: "\(output)/earlier-\($0)") } ?? 1
      let place = "\(output)/earlier-\(number)"
      do {
        try files.createDirectory(atPath: place, withIntermediateDirectories: true)
        for name in ["journal.jsonl", "trials", "report.html"]
        where files.fileExists(atPath: "\(output)/\(name)") {
          try files.moveItem(atPath: "\(output)/\(name)", toPath: "\(place)/\(name)")
        }
        try files.createDirectory(
          atPath: output + "/trials", withIntermediateDirectories: true)
      } catch { throw JournalError.unusable(path: place, reason: error.localizedDescription) }
      Train.say(
        "the data have changed since this folder's search: a new one begins, and the old one is kept in \(place)"
      )
      return try open()
    }
  }

  /// Checks options and data; what tells the data apart.
  private func check() throws -> String {
    try TrainingError.check("--epochs", epochs, in: 1...10000)
    try TrainingError.check("--grid-points", gridPoints, in: 1...1000)
    try TrainingError.check("--first-rung", firstRung, in: 1...10000)
    try TrainingError.check("--keep", keep, in: 2...100)
    try TrainingError.check("--parallel", parallel, in: 1...256)
    try TrainingError.check("--budget", budget, in: 0...10_000_000)
    if let trials { try TrainingError.check("--trials", trials, in: 1...100_000) }
    try source.checkReadableAgain()
    // Faults of the data are better found before the first trial than by each of them.
    let job = try TrainingJob.make(source, .parse([]), .parse([]), seed: seed)
    return job.training.fingerprint + job.validation.fingerprint
  }

  private func makeSpace() throws -> SearchSpace {
    let given: [(String, String?)] = [
      ("learning-rate", learningRate), ("batch", batch), ("schedule", schedule),
      ("warmup", warmup), ("weight-decay", weightDecay), ("dropout", dropout), ("width", width),
      ("layers", layers), ("optimizer", optimizer),
    ]
    return SearchSpace(
      try given.compactMap { option, text in
        try text.map { try SearchDimension(option: option, text: $0) }
      })
  }

  private func defaultTrials(_ kind: SearchStrategy.Kind) -> Int {
    guard budget > 0 else { return 20 }
    guard kind == .asha else { return max(1, budget / epochs) }
    // What one trial costs on average, when one in `keep` goes on from each rung.
    var (cost, rung, share) = (0.0, min(firstRung, epochs), 1.0)
    var before = 0
    while true {
      cost += share * Double(rung - before)
      if rung >= epochs { break }
      before = rung
      rung = min(rung * keep, epochs)
      share /= Double(keep)
    }
    return max(1, Int(Double(budget) / cost))
  }

  private func description(_ kind: SearchStrategy.Kind) -> String {
    let space = [
      learningRate, batch ?? "", schedule ?? "", warmup ?? "", weightDecay ?? "", dropout ?? "",
      width ?? "", layers ?? "", optimizer ?? "",
    ]
    return
      ([kind.rawValue] + dataWords + ["\(epochs)", "\(gridPoints)"]
      + ["\(firstRung)", "\(keep)", "\(seed)"] + space + further).joined(separator: "|")
  }

  private var dataWords: [String] {
    var words = [source.data]
    if let path = source.validation { words += ["--validation", path] }
    if let column = source.column { words += ["--column", column] }
    if let task = source.task { words += ["--task", task.rawValue] }
    if let column = source.pairColumn { words += ["--pair-column", column] }
    if let column = source.labelColumn { words += ["--label-column", column] }
    if source.validation == nil { words += ["--hold-out", "\(source.holdOut)"] }
    return words + source.layoutFlags.words
  }

  private func optionWords(_ trial: SearchTrial) -> [String] {
    trial.values.sorted { $0.key < $1.key }.flatMap { ["--\($0.key)", $0.value] } + further
  }

  private func command(_ job: SearchJob) -> TrialPool.Command {
    let folder = "\(output)/trials/\(job.trial.number)"
    let arguments =
      ["train"] + dataWords + ["-o", folder] + optionWords(job.trial)
      + ["--epochs", "\(epochs)", "--patience", "0", "--seed", "\(seed)"]
      + ["--stop-after", "\(job.epochs)", "--resume", "--checkpoint", folder, "--no-model"]
      + ["--threads", "\(trialThreads)", "--result", "\(folder)/result.json"]
    return TrialPool.Command(
      arguments: arguments, folder: folder, isLast: job.epochs >= epochs)
  }

  private func conclude(_ report: TuningReport, spent: Int) throws {
    try Console.report(report.table())
    for option in ["batch", "width", "layers"] {
      for row in report.bestRates(by: option) {
        try Console.report(
          String(
            format: "%@ %@: best rate %.3g (%.2f %%)", option, row.value, row.rate,
            row.score * 100))
      }
      if let map = report.heatMap(by: option) {
        try ChartFile.write(to: "\(output)/rate-by-\(option).svg", svg: map.svg)
      }
    }
    guard let best = report.best else {
      throw TrainingError.noTrialSucceeded(log: output + "/trials/0/log.txt")
    }
    let words =
      ["martlet", "train"] + dataWords + optionWords(best.trial)
      + ["--epochs", "\(epochs)", "--seed", "\(seed)", "-o", "my-model"]
    let copy = words.map(\.shellWord).joined(separator: " ")
    let page = report.html(title: "Search over \(source.data)", command: copy)
    try OutputFile.write(page, to: output + "/report.html")
    try Console.report(
      "\n\(spent) epochs, \(report.tokens) tokens in all; report: \(output)/report.html")
    try Console.report(
      String(
        format: "the best, %.2f %% on the validation rows:\n  %@", (best.score ?? 0) * 100, copy)
    )
  }
}
