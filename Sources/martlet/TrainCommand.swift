import ArgumentParser
import FileJobs
import Files
import Foundation
import JSON
import Serving
import Tensor
import Training
import Transformer

struct Train: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Train a model from labelled text.",
    discussion: """
      Without a header a file is `label<TAB>text`, UTF-8. The weights of the best validation are kept. \
      --task says what is learned, where the labels do not: one label of several for a text or a pair of \
      texts (classification), any number of labels with | between them (multi-label), numbers (regression), or how well \
      a text answers a query, from 0 to 1 (rerank). \
      Without --from a model is trained from nothing, with a vocabulary learned from DATA; with it, \
      another model's weights go on learning, at a lower rate.

      Examples:
        martlet train train.tsv -o my-model
        martlet train train.tsv --validation validation.tsv -o my-model \\
          --learning-rate 5e-4 --epochs 30 --schedule cosine
        martlet train train.tsv --validation validation.tsv --from all-MiniLM-L6-v2 -o tuned
        martlet train train.tsv --from all-MiniLM-L6-v2 --freeze-encoder -o head
        martlet train train.tsv --from Qwen3-Embedding-0.6B --lora 16 --lora-save adapter -o adapter
        martlet train reviews.csv --column review --label-column stars -o stars
        martlet train pairs.tsv --column 2 --pair-column 3 --task regression --from all-MiniLM-L6-v2 -o similar
      """)

  @OptionGroup var source: DataFlags
  @Option(name: .shortAndLong, help: "Folder for the model, made if missing.") var output: String
  @OptionGroup var tune: FineTuneFlags
  @OptionGroup var training: TrainingFlags
  @OptionGroup var model: ModelFlags
  @Option(
    help:
      "Write what LoRA learned into the model's weights (merged), or beside them as peft does (adapter). [default: merged]"
  )
  var loraSave: LowRankForm?
  @Flag(help: "Go on from the checkpoint of an interrupted run of the same command.") var resume =
    false
  @Option(help: "Folder for checkpoints. [default: OUTPUT/checkpoint]") var checkpoint: String?
  @Option(help: "Seconds between checkpoints inside an epoch; 0 keeps none.")
  var checkpointEvery = 60.0
  @Option(help: "Stop after this many epochs and keep the checkpoint, to go on with --resume.")
  var stopAfter: Int?
  @Option(help: "Write the figures to this file as JSON.") var result: String?
  @Flag(help: "Write no model, only the result and the checkpoint.") var noModel = false
  @Flag(
    help: "End when standard input, a pipe, closes: for programs that start this one and may end.")
  var boundToInput = false
  @Option(help: "Where the data is from and its licence, for the model card.")
  var dataSource = "not stated"

  func run() throws {
    if boundToInput { InputWatch.begin() }
    var options = try training.options(tune, width: model.width)
    options.stopAfterEpochs = stopAfter
    try options.validate()
    if let loraSave, tune.lora == nil {
      throw TrainingError.badOption(
        name: "--lora-save", value: loraSave.rawValue, allowed: "beside --lora RANK")
    }
    if loraSave == .adapter, let from = tune.from, Self.isSame(from, output) {
      throw TrainingError.badOption(
        name: "--output", value: output,
        allowed: "another folder than that of --from, whose weights the adapter needs")
    }
    let kernels = try Kernels.best(threads: training.cores)
    let job = try TrainingJob.make(source, tune, model, seed: options.seed)
    try training.adapt(&options, to: job)
    try Console.report(TrainingJob.summary(job))
    for warning in TrainingJob.warnings(job) { Self.say(warning) }
    let architecture = TrainingJob.describe(job.shape)
    try Console.report(
      "\(architecture); kernels \(kernels.name), \(training.cores) threads, seed \(options.seed)")
    if let learned = TrainingJob.learned(job.shape, options) { try Console.report(learned) }
    if training.learningRate == "auto" {
      options.learningRate = try rangeTest(job, options, kernels)
    }
    let store = try checkpoints()
    let owner = try store.map { try FolderLock($0.directory) }
    defer { withExtendedLifetime(owner) {} }
    var outcome = try learn(job, options, kernels, store)
    if loraSave != .adapter { outcome.parameters = outcome.parameters.merged(kernels) }
    if let result { try write(outcome, options, to: result) }
    // What was learned is kept before anything is said of it, which can fail.
    if !noModel { try save(job, outcome, options, architecture, kernels) }
    if !noModel && stopAfter == nil { store?.remove() }
    try Console.report(figures(outcome))
    if let preference = outcome.outOfScope, let label = options.outOfScopeLabel {
      try Console.report(preference.summary(label))
    }
    if noModel { return }
    try Console.report(
      "wrote \(output) (\(String(format: "%.0f", outcome.seconds)) s); "
        + "report: \(output)/report.html; try: martlet serve \(output)")
  }

  private static func isSame(_ one: String, _ other: String) -> Bool {
    func real(_ path: String) -> String {
      URL(fileURLWithPath: path).resolvingSymlinksInPath().standardizedFileURL.path
    }
    return real(one) == real(other)
  }

  /// Runs the job. Where it fails, the folders that were made for it go.
  private func learn(
    _ job: ModelTraining, _ options: TrainingOptions, _ kernels: Kernels,
    _ store: CheckpointStore?
  ) throws -> TrainingResult {
    let mend = store == nil ? "" : "; the same command with --resume goes on"
    var line = ProgressLine()
    do {
      return try job.run(
        options: options, kernels: kernels, checkpoints: store,
        pretraining: Pretraining(epochs: try training.pretraining(), seed: options.seed),
        pretrained: { Self.say(String(format: "masked words, epoch %d: loss %.4f", $0, $1)) },
        taught: { Self.say(Self.teacher($0, share: options.teacherShare)) },
        report: { progress in
          line.show(progress)
          Interruption.place(
            "in epoch \(progress.epoch), step \(progress.step) of \(progress.totalSteps)" + mend)
        })
    } catch {
      switch error {
      // The checkpoint would lead there again; that of any other fault is worth resuming.
      case TrainingError.noFiniteLoss, TrainingError.diverged: store?.remove()
      default: store?.removeEmptyFolder()
      }
      // Which removes an empty folder alone.
      rmdir(output)
      throw error
    }
  }

  private static func teacher(_ accuracy: Double?, share: Double) -> String {
    guard let accuracy else {
      return
        "a linear model of words knows too little of these labels, or there are too many labels: training uses the labels alone"
    }
    return String(
      format: "a linear model of words is right on %.2f %% of training rows it has not seen: "
        + "%.2g of each target comes from it", accuracy * 100, share)
  }

  /// The rate that a range test proposes; the default where the test says nothing.
  private func rangeTest(
    _ job: ModelTraining, _ options: TrainingOptions, _ kernels: Kernels
  ) throws -> Double {
    let finding = RangeTest.find(
      try RangeTest(steps: 150).run(job, options: options, kernels: kernels))
    guard finding.isConclusive else {
      try Console.report(
        String(format: "range test inconclusive: the default rate, %.2e", options.learningRate))
      return options.learningRate
    }
    try Console.report(
      String(
        format: "range test: steepest at %.2e, breaks at %.2e, chosen %.2e", finding.steepest,
        finding.divergence, finding.choice))
    return finding.choice
  }

  private func checkpoints() throws -> CheckpointStore? {
    guard checkpointEvery > 0 || resume || stopAfter != nil else { return nil }
    return try CheckpointStore(
      directory: checkpoint ?? output + "/checkpoint",
      interval: checkpointEvery > 0 ? checkpointEvery : 60, resumes: resume)
  }

  private func figures(_ result: TrainingResult) -> String {
    "best epoch \(result.bestEpoch): validation "
      + result.validation.summary.map { "\($0.name) \($0.value)" }.joined(separator: ", ")
  }

  private func write(
    _ result: TrainingResult, _ options: TrainingOptions, to path: String
  ) throws {
    var json: JSONObject = [
      "score": JSONValue(result.validation.score), "loss": JSONValue(result.validation.loss),
      "best_epoch": JSONValue(result.bestEpoch), "epochs": JSONValue(result.epochs),
      "steps": JSONValue(result.steps), "tokens": JSONValue(result.tokens),
      "seconds": JSONValue(result.seconds), "learning_rate": JSONValue(options.learningRate),
    ]
    if let classes = result.validation.classification {
      json["accuracy"] = JSONValue(classes.accuracy)
      json["macro_f1"] = JSONValue(classes.macroF1)
    }
    try OutputFile.write(JSONValue.object(json).serializedBytes(pretty: true), to: path)
  }

  private func save(
    _ job: ModelTraining, _ result: TrainingResult, _ options: TrainingOptions,
    _ architecture: String, _ kernels: Kernels
  ) throws {
    let staged = try StagedFolder(for: output)
    if result.parameters.shape.adapter == nil {
      try ModelDirectory.write(
        result.parameters, to: staged.path, task: job.objective.modelTask,
        scoreActivation: job.objective.scoreActivation,
        headOver: options.learns == .head ? job.base : nil)
    } else {
      try ModelDirectory.writeAdapter(
        result.parameters, base: job.base ?? "", to: staged.path)
    }
    try job.writeTokenizer(to: staged.path)
    let command = Martlet.commandLine
    let program =
      "martlet \(Martlet.configuration.version), kernels \(kernels.name), \(training.cores) threads"
    let card = ModelCard(
      name: URL(fileURLWithPath: output).lastPathComponent, command: command,
      dataSource: dataSource, rows: (job.training.rows.count, job.validation.rows.count),
      program: program, objective: job.objective, architecture: architecture, options: options,
      result: result)
    try OutputFile.write(card.markdown, to: staged.path + "/README.md")
    let report = try TrainingReport(
      job, options: options, result: result, kernels: kernels)
    try OutputFile.write(
      report.html(name: card.name, command: command, architecture: architecture, program: program),
      to: staged.path + "/report.html")
    if let temperature = report.temperature {
      let extra: JSONValue = [
        "temperature": JSONValue(temperature),
        "validation_accuracy": JSONValue(result.validation.score),
      ]
      try OutputFile.write(
        extra.serializedBytes(pretty: true), to: staged.path + "/martlet.json")
    }
    if job.objective.modelTask != .regression {
      try ReferenceMeasurement.write(
        directory: staged.path,
        rows: job.validation.rows.map { .init(text: $0.text, pair: $0.pair, label: $0.label) },
        trainingTexts: job.training.rows.map(\.text),
        threads: training.cores)
    }
    try staged.fill(stale: ModelDirectory.weightFiles)
  }

  static func say(_ text: String) { Console.say(text) }
}

/// How what LoRA learned is written.
enum LowRankForm: String, ExpressibleByArgument, CaseIterable {
  case merged, adapter
}

/// What `train`, `tune` and `lr-find` have in common.
enum TrainingJob {
  static func make(
    _ source: DataFlags, _ tune: FineTuneFlags, _ model: ModelFlags, seed: UInt64
  ) throws -> ModelTraining {
    func read(_ path: String) throws -> LabeledDataset {
      try LabeledDataset.read(
        path: path,
        layout: source.layoutFlags.layout(
          text: source.column, pair: source.pairColumn, label: source.labelColumn)
      ) { Console.say($0) }
    }
    var training = try read(source.data)
    let kind = source.task(training)
    var validation: LabeledDataset
    if let path = source.validation {
      validation = try read(path)
    } else {
      guard source.holdOut > 0 && source.holdOut < 1 else {
        throw TrainingError.badOption(
          name: "--hold-out", value: "\(source.holdOut)", allowed: "above 0 and below 1")
      }
      (training, validation) = training.split(share: source.holdOut, seed: seed)
      if validation.rows.isEmpty {
        _ = try training.trainingLabels()
        throw TrainingError.nothingHeldOut(path: source.data, rows: training.rows.count)
      }
    }
    if let from = tune.from {
      return try ModelTraining(
        training: training, validation: validation, task: kind, from: ModelSource.directory(from),
        maximumTokens: model.maxTokens,
        dropout: model.dropout, freshHead: tune.newHead, lowRank: tune.lowRank())
    }
    _ = try tune.lowRank()
    return try ModelTraining(
      training: training, validation: validation, task: kind, size: model.size())
  }

  static func summary(_ job: ModelTraining) -> String {
    "\(job.objective.modelTask.rawValue): \(job.training.rows.count) training and \(job.validation.rows.count) validation rows, "
      + "\(job.labels.count) \(job.objective.modelTask == .regression ? "numbers" : "labels"), \(job.tokenizer.vocabularySize) tokens"
      + (job.base.map { "; going on from \($0)" } ?? "")
  }

  /// What in the data a user should look at, though training goes on.
  static func warnings(_ job: ModelTraining) -> [String] {
    var warnings: [String] = []
    guard job.objective.modelTask == .classification else { return unknownRows(job) }
    let conflicts = job.training.conflicts
    if let first = conflicts.first {
      warnings.append(
        "warning: \(conflicts.count) texts of \(job.training.path) have several labels; "
          + "the first in lines \(first.lines.prefix(5).map(String.init).joined(separator: ", ")) "
          + "as \(first.labels.prefix(5).joined(separator: ", ")). At most one of them is right")
    }
    let alike = LabelIndex.lookalikes(job.labels)
    for labels in alike.prefix(5) {
      let words = labels.map { label in
        let rows = job.training.rows.filter { $0.label.utf8.elementsEqual(label.utf8) }
        return "\"\(label)\" (\(rows.count) rows, the first in line \(rows.first?.line ?? 0))"
      }
      warnings.append(
        "warning: the labels \(words.joined(separator: " and ")) look alike, but differ in case, spaces, "
          + "invisible characters or Unicode form: they are learned as different labels")
    }
    let lonely = job.training.lonelyRows
    if !lonely.isEmpty {
      let names = lonely.prefix(5).map { "\"\($0.label)\" (line \($0.line))" }
      warnings.append(
        "warning: \(lonely.count == 1 ? "one label has" : "\(lonely.count) labels have") a single training row: "
          + names.joined(separator: ", ") + (lonely.count > 5 ? ", …" : "")
          + ". Hardly anything can be learned from one row, and where none is held out, nothing is measured"
      )
    }
    return warnings + unknownRows(job)
  }

  private static func unknownRows(_ job: ModelTraining) -> [String] {
    job.unknownRows == 0
      ? []
      : [
        "warning: \(job.unknownRows) training rows hold no token of the vocabulary; "
          + "nothing can be learned from them"
      ]
  }

  static func describe(_ shape: ModelShape) -> String {
    let placement = shape.encoder.blocks.first?.placement ?? .post
    return
      "\(shape.layerCount)-layer Transformer encoder, width \(shape.hiddenSize), \(shape.headCount) heads, "
      + "\(shape.positionalEncoding.rawValue) positions, \(placement.rawValue)-norm, "
      + "\(shape.parameterCount) parameters"
  }

  /// What learns of it, where that is not all.
  static func learned(_ shape: ModelShape, _ options: TrainingOptions) -> String? {
    let own = shape.tensors.filter { $0.key.place == .head || $0.key.isLowRank }
      .reduce(0) { $0 + $1.range.count }
    let (all, buffers) = (shape.parameterCount, 1 + (options.optimizer.rule?.states ?? 0))
    func megabytes(_ count: Int) -> String {
      String(format: "%.1f MB", Double(4 * count * buffers) / 1e6)
    }
    let sizes =
      "\(own) of \(all) parameters; gradients and the optimiser's state take \(megabytes(own)) instead of "
      + megabytes(all)
    switch options.learns {
    case .weights: return nil
    case .head: return "the head alone learns: " + sizes
    case .additions:
      guard let additions = shape.adapter?.additions, let first = additions.first else {
        return nil
      }
      return
        "low-rank additions of rank \(first.rank) to \(additions.count) layers learn, and the head: "
        + sizes
    }
  }
}
