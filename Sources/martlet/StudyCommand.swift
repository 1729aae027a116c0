import ArgumentParser
import Charts
import Files
import Foundation
import Tensor
import Training
import Transformer

struct Study: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measure what parts of a model are for.", subcommands: [StudyPositions.self])
}

struct StudyPositions: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "positions",
    abstract: "Compare positional encodings on tasks that only order decides.",
    discussion: """
      Each encoding is trained on generated tasks (which mark comes first, are letters in order or \
      reversed, how far apart are two marks, do beginning and end agree) and measured at the trained \
      lengths and beyond. Without any encoding a model sees a bag of tokens, and stays at chance.

      Examples:
        martlet study positions -o positions
        martlet study positions -o positions --data train.tsv --validation validation.tsv
        martlet study positions -o quick --encodings sinusoidal,none --tasks first --rows 2000
      """)

  @Option(name: .shortAndLong, help: "Folder for report.html, report.md and the pictures.")
  var output: String
  @Option(help: "Encodings, by comma.")
  var encodings = PositionalEncoding.allCases.map(\.rawValue).joined(separator: ",")
  @Option(help: "Tasks, by comma.")
  var tasks = OrderTask.allCases.map(\.rawValue).joined(separator: ",")
  @Option(help: "Rows to train on.") var rows = PositionStudy().rows
  @Option(help: "Epochs at most.") var epochs = PositionStudy().epochs
  @Option(help: "Width of the models.") var width = PositionStudy().width
  @Option(help: "Encoder layers.") var layers = PositionStudy().layers
  @Option(help: "Decides data and weights.") var seed = PositionStudy().seed
  @Option(help: "Threads; 0 for all cores.") var threads = ThreadCount.all
  @Option(help: "Labelled rows to train each encoding on as well.") var data: String?
  @Option(help: "Labelled rows to measure them on.") var validation: String?
  @Option(help: "Epochs on these rows.") var dataEpochs = 6

  func run() throws {
    var study = PositionStudy()
    (study.rows, study.epochs, study.width) = (rows, epochs, width)
    (study.layers, study.seed) = (layers, seed)
    study.encodings = try encodings.split(separator: ",").map {
      try Choice.of("--encodings", String($0))
    }
    study.tasks = try tasks.split(separator: ",").map { try Choice.of("--tasks", String($0)) }
    try study.validate()
    try TrainingError.check("--data-epochs", dataEpochs, in: 1...10_000)
    let source = try data.map {
      try DataFlags.parse([$0] + (validation.map { ["--validation", $0] } ?? []))
    }
    try source?.checkReadableAgain()
    // Faults of the data are better found before the first task than after the last.
    if let source { _ = try TrainingJob.make(source, .parse([]), .parse([]), seed: seed) }
    let cores = threads.count
    let kernels = try Kernels.best(threads: cores)
    let staged = try StagedFolder(for: output)
    var measurements: [PositionStudy.Measurement] = []
    let total = study.tasks.count * study.encodings.count
    for task in study.tasks {
      for encoding in study.encodings {
        let found = try study.measure(encoding, task, kernels: kernels)
        measurements += found
        let trained = found.filter(\.isTrained).map(\.accuracy)
        Train.say(
          String(
            format: "%d of %d  %@, %@: %.1f %%", measurements.count / max(1, found.count), total,
            task.rawValue, encoding.rawValue,
            trained.reduce(0, +) / Double(max(1, trained.count)) * 100))
      }
    }
    var report = PositionReport(study, measurements)
    if let source { report.dataSet = try onDataSet(source, study, kernels) }
    try write(report, study, staged)
  }

  private func onDataSet(
    _ source: DataFlags, _ study: PositionStudy, _ kernels: Kernels
  ) throws -> (name: String, accuracies: [(PositionalEncoding, Double)]) {
    var accuracies: [(PositionalEncoding, Double)] = []
    for encoding in study.encodings {
      let job = try TrainingJob.make(
        source, .parse([]), .parse(["--positions", encoding.rawValue]), seed: seed)
      var options = TrainingOptions()
      (options.epochs, options.seed) = (dataEpochs, seed)
      // A teacher that knows pairs of words would make up for what a model without places cannot see.
      options.teacherShare = 0
      let result = try job.run(options: options, kernels: kernels) { _ in }
      accuracies.append((encoding, result.validation.score))
      Train.say(
        String(
          format: "%@, %@: %.2f %%", source.data, encoding.rawValue,
          result.validation.score * 100))
    }
    return (source.data, accuracies)
  }

  private func write(
    _ report: PositionReport, _ study: PositionStudy, _ staged: StagedFolder
  ) throws {
    let command = Martlet.commandLine
    let files =
      [
        ("report.html", report.html(command: command)), ("report.md", report.markdown),
        ("sinusoids.svg", report.table.svg), ("similarity.svg", report.similarity.svg),
      ] + study.tasks.map { ("\($0.rawValue).svg", report.lengthChart($0).svg) }
    for (name, text) in files {
      try OutputFile.write(text, to: "\(staged.path)/\(name)")
    }
    try staged.fill()
    try Console.report(report.markdown)
    try Console.report("wrote \(output)/report.html")
  }
}
