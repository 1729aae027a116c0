import ArgumentParser
import Files
import Foundation
import Tensor
import Training
import Transformer

/// Where labelled rows are and how they are read.
struct DataFlags: ParsableArguments {
  @Argument(help: "Labelled rows to learn from: TSV, CSV or JSONL, also packed as .gz.") var data:
    String
  @Option(
    help:
      "What is learned: \(TrainingTask.allCases.map(\.rawValue).joined(separator: ", ")). [default: by the labels]"
  )
  var task: TrainingTask?
  @Option(
    help: "Labelled rows that decide when to stop. Without them --hold-out of DATA is held out.")
  var validation: String?
  @Option(help: "Column of the text, by name or by number from 1.") var column: String?
  @Option(help: "Column of the second text of a pair.") var pairColumn: String?
  @Option(help: "Column of the label.") var labelColumn: String?
  @OptionGroup var layoutFlags: LayoutFlags
  @Option(help: "Share of DATA to hold out when there is no validation file.")
  var holdOut = 0.1

  /// The task that was asked for, or that the labels show, which is then told.
  func task(_ training: LabeledDataset) -> TrainingTask {
    if let task { return task }
    guard let found = TrainingTask.found(in: training) else { return .classification }
    Console.say(
      "task: \(found.task.rawValue), since \(found.reason); --task classification takes them for classes"
    )
    return found.task
  }

  /// Refuses what gives its rows but once, for commands that read them again for each run.
  func checkReadableAgain() throws {
    for path in [data, validation].compactMap(\.self) {
      var status = stat()
      let isOther = stat(path, &status) == 0 && status.st_mode & S_IFMT != S_IFREG
      guard path == "-" || isOther else { continue }
      throw TrainingError.badOption(
        name: "the data", value: path,
        allowed: "a file, and not standard input or a pipe, since each run reads the rows anew")
    }
  }
}

extension TrainingTask: ExpressibleByArgument {}

/// The shape of a model trained from nothing.
struct ModelFlags: ParsableArguments {
  @Option(help: "Tokens of the vocabulary.") var vocabulary = ModelSize().vocabulary
  @Option(help: "Width of the model.") var width = ModelSize().width
  @Option(help: "Encoder layers.") var layers = ModelSize().layers
  @Option(help: "Attention heads.") var heads = ModelSize().heads
  @Option(help: "Width inside the feed-forward block.") var feedForward: Int?
  @Option(help: "Longest input in tokens.") var maxTokens = ModelSize().maximumTokens
  @Option(
    help: "Dropout in training. [default: \(ModelSize().dropout), fine-tuning: the model's own]")
  var dropout: Float?
  @Option(help: "Place of the layer norms: post, pre.") var normalization = "post"
  @Option(
    help:
      "Positional encoding: \(PositionalEncoding.allCases.map(\.rawValue).joined(separator: ", "))."
  ) var positions = "sinusoidal"

  func size() throws -> ModelSize {
    var size = ModelSize()
    (size.vocabulary, size.width, size.layers) = (vocabulary, width, layers)
    (size.heads, size.maximumTokens) = (heads, maxTokens)
    size.feedForward = feedForward ?? 2 * width
    size.dropout = dropout ?? size.dropout
    size.placement = try Choice.of("--normalization", normalization)
    size.positionalEncoding = try Choice.of("--positions", positions)
    try size.validate()
    return size
  }
}

/// The optimiser and its constants.
struct OptimizerFlags: ParsableArguments {
  @Option(
    help: "Optimiser: \(OptimizerOptions.Kind.allCases.map(\.rawValue).joined(separator: ", ")).")
  var optimizer = "adamw"
  @Option(help: "Momentum of sgd and rmsprop.") var momentum = OptimizerOptions().momentum
  @Flag(help: "sgd: Nesterov's momentum.") var nesterov = false
  @Option(help: "Decay of the first moment.") var beta1 = OptimizerOptions().beta1
  @Option(help: "Decay of the second moment. [default: 0.999; lion and rmsprop 0.99]")
  var beta2: Double?
  @Option(help: "Epsilon, which keeps the optimiser's quotients finite.") var epsilon =
    OptimizerOptions().epsilon

  func options() throws -> OptimizerOptions {
    var options = OptimizerOptions()
    options.kind = try Choice.of("--optimizer", optimizer)
    (options.momentum, options.nesterov) = (momentum, nesterov)
    (options.beta1, options.beta2, options.epsilon) = (beta1, beta2, epsilon)
    try options.validate()
    return options
  }
}

/// What of another model's weights learns, and how fast.
struct FineTuneFlags: ParsableArguments {
  @Option(help: "Model whose weights are the start: a directory, or a name on a hub.") var from:
    String?
  @Flag(help: "Begin with a new head even where the labels are the same.") var newHead = false
  @Option(
    help:
      "Rate of each layer as a share of the rate of the layer above. [default: 1, fine-tuning: 0.9]"
  )
  var layerDecay: Double?
  @Option(help: "How many of the lowest layers do not learn; the embeddings then do not either.")
  var freezeLayers = 0
  @Flag(help: "Keep the embeddings as they are.") var freezeEmbeddings = false
  @Flag(
    help:
      "Keep all but the head as it is: models with heads over one encoder share its memory when they are served together."
  )
  var freezeEncoder = false
  @Option(
    help: "Keep the model as it is and learn low-rank additions of this rank to its layers (LoRA).")
  var lora: Int?
  @Option(
    help: "What LoRA's additions are multiplied by, times the rank. [default: twice the rank]")
  var loraAlpha: Double?
  @Option(
    help: "Share of what goes into LoRA's additions that is dropped in training. [default: 0]")
  var loraDropout: Float?
  @Option(
    help:
      "Layers that get an addition, with commas between: \(AdapterShape.Target.allCases.map(\.rawValue).joined(separator: ", ")), or all. [default: query,value]"
  )
  var loraTargets: String?
  @Option(
    help: "Gradual unfreezing: epochs after which one more layer learns; 0 for all at once.")
  var unfreezeEvery = 0
  @Option(help: "Epochs at the start in which the head alone learns.") var headEpochs = 0
  @Flag(
    inversion: .prefixedNo,
    help: "Fit a new head to the encoder as it is before all weights learn; it takes seconds.")
  var warmHead = true

  /// What learns.
  var learned: TrainingOptions.Learned {
    if lora != nil { return .additions }
    return freezeEncoder ? .head : .weights
  }

  /// What `--lora` and its kin say; nil without it.
  ///
  /// - Throws: `TrainingError.badOption`.
  func lowRank() throws -> LowRankOptions? {
    guard let lora else {
      let kin: [(String, String?)] = [
        ("--lora-alpha", loraAlpha.map { "\($0)" }),
        ("--lora-dropout", loraDropout.map { "\($0)" }),
        ("--lora-targets", loraTargets),
      ]
      for case (let name, let value?) in kin {
        throw TrainingError.badOption(name: name, value: value, allowed: "beside --lora RANK")
      }
      return nil
    }
    var options = LowRankOptions(rank: lora, alpha: loraAlpha, dropout: loraDropout ?? 0)
    if loraTargets == "all" {
      options.targets = Set(AdapterShape.Target.allCases)
    } else if let loraTargets {
      options.targets = Set(
        try loraTargets.split(separator: ",", omittingEmptySubsequences: false).map {
          try Choice.of("--lora-targets", String($0))
        })
    }
    return options
  }

  /// Refuses options that have no meaning while the encoder stays as it is.
  ///
  /// - Throws: `TrainingError.badOption`.
  func checkFrozen(_ training: TrainingFlags) throws {
    guard learned != .weights else { return }
    let reason = lora == nil ? "--freeze-encoder" : "--lora"
    guard from != nil else {
      throw TrainingError.badOption(
        name: "--from", value: "missing",
        allowed: "given beside \(reason): a model to keep as it is")
    }
    let idle: [(String, String?)] = [
      ("--freeze-encoder", lora != nil && freezeEncoder ? "given" : nil),
      ("--freeze-layers", freezeLayers > 0 ? "\(freezeLayers)" : nil),
      ("--freeze-embeddings", freezeEmbeddings ? "given" : nil),
      ("--unfreeze-every", unfreezeEvery > 0 ? "\(unfreezeEvery)" : nil),
      ("--head-epochs", headEpochs > 0 ? "\(headEpochs)" : nil),
      ("--layer-decay", lora == nil ? layerDecay.map { "\($0)" } : nil),
      ("--embedding-rate-scale", training.embeddingRateScale.map { "\($0)" }),
      (
        "--pretrain-epochs", training.pretrainEpochs > 0 ? "\(training.pretrainEpochs)" : nil
      ),
    ]
    for case (let name, let value?) in idle {
      throw TrainingError.badOption(
        name: name, value: value,
        allowed: "left out beside \(reason), which keeps the encoder as it is")
    }
  }
}

/// How the weights change.
struct TrainingFlags: ParsableArguments {
  @Option(help: "Highest learning rate, or `auto` for a range test. [default: by model and batch]")
  var learningRate: String?
  @Option(help: "Multiplies the rate of the embedding tables. [default: 10, fine-tuning: 1]")
  var embeddingRateScale: Double?
  @Option(
    name: [.long, .customLong("decay")],
    help: "Schedule of the rate: \(ScheduleShape.names.joined(separator: ", ")).")
  var schedule = "linear"
  @OptionGroup var scheduleOptions: ScheduleOptions
  @Option(
    help:
      "Linear warm-up: steps, or a share such as 0.1 or 10%. [default: \(TrainingOptions().warmup); one-cycle, which rises by itself: 0]"
  )
  var warmup: String?
  @Option(
    help:
      "Most passes over the data. [default: 6 to 20 by the number of rows, fine-tuning: 2 to 10]")
  var epochs: Int?
  @Option(help: "Rows in a batch. [default: 32, or all rows where they are fewer]") var batch: Int?
  @Option(help: "Batches that make up one step.") var accumulate = TrainingOptions().accumulation
  @Option(
    help:
      "Epochs without better validation figures after which training stops; 0 for never. [default: half of --epochs, at least 6]"
  )
  var patience: Int?
  @OptionGroup var optimizer: OptimizerFlags
  @Option(help: "Weight decay, not for biases and norms.") var weightDecay = TrainingOptions()
    .weightDecay
  @Option(help: "Largest norm of a gradient; longer ones are clipped. 0 for no clipping.")
  var clip = TrainingOptions().clipNorm
  @Option(help: "Share of probability spread over all labels.")
  var labelSmoothing = TrainingOptions().labelSmoothing
  @Option(help: "Weights of the classes in the loss: none, balanced.") var classWeights = "none"
  @Option(help: "Share of tokens hidden at each step. [default: 0.1, fine-tuning: 0]")
  var wordDropout: Double?
  @Option(
    help: "Share of tokens split into two others at each step. [default: 0.3, fine-tuning: 0]")
  var subwordDropout: Double?
  @Option(
    help:
      "Weight of the disagreement between two passes over each row; 0 for one pass. [default: 0]")
  var consistency: Double?
  @Option(
    help:
      "Share of each row's target that comes from a linear model of words, fitted on other rows. [default: 0.5, fine-tuning: 0]"
  )
  var teacher: Double?
  @Option(
    help:
      "Label that stands for none of the others. Its score is raised as far as --out-of-scope-cost allows."
  )
  var outOfScope: String?
  @Option(
    help: "Share of the accuracy on the other labels that may be lost to find out-of-scope texts.")
  var outOfScopeCost = TrainingOptions().outOfScopeCost
  @Option(help: "Decay of the weights' moving average; 0 for no average.")
  var average = TrainingOptions().averageDecay
  @Option(help: "Epochs of masked-word training on the texts alone, before the labels are used.")
  var pretrainEpochs = 0
  @Option(help: "Seed of initial weights, order and dropout.") var seed = TrainingOptions().seed
  @Flag(
    inversion: .prefixedNo,
    help: "Return to the last good state and lower the rate when the loss goes wrong.")
  var watch = true
  @Option(help: "Threads; 0 for all cores.") var threads = ThreadCount.all

  var cores: Int { threads.count }

  /// Refuses options that have a meaning for classes alone.
  ///
  /// - Throws: `TrainingError.badOption`.
  private func checkTask(_ task: ModelTask) throws {
    guard task != .classification else { return }
    let idle: [(String, String?)] = [
      ("--teacher", teacher.map { "\($0)" }), ("--out-of-scope", outOfScope),
      ("--consistency", consistency.map { "\($0)" }),
      ("--label-smoothing", labelSmoothing > 0 ? "\(labelSmoothing)" : nil),
      ("--class-weights", classWeights == "none" ? nil : classWeights),
    ]
    for case (let name, let value?) in idle {
      throw TrainingError.badOption(
        name: name, value: value,
        allowed: "left out for \(task.rawValue); it belongs to classification")
    }
  }

  func pretraining() throws -> Int {
    guard (0...10_000).contains(pretrainEpochs) else {
      throw TrainingError.badOption(
        name: "--pretrain-epochs", value: "\(pretrainEpochs)", allowed: "from 0 to 10000")
    }
    return pretrainEpochs
  }

  /// The rate that was asked for as a number; nil where none was.
  func rate() throws -> Double? {
    guard let learningRate, learningRate != "auto" else { return nil }
    guard let rate = Double(learningRate) else {
      throw TrainingError.badOption(
        name: "--learning-rate", value: learningRate, allowed: "a number, or auto")
    }
    return rate
  }

  /// Fits what was left open to the rows and the encoder of `job`.
  func adapt(_ options: inout TrainingOptions, to job: ModelTraining) throws {
    try checkTask(job.objective.modelTask)
    if job.objective.modelTask != .classification { options.teacherShare = 0 }
    try options.adapt(
      width: job.shape.hiddenSize, rows: job.training.rows.count,
      isFineTuning: job.base != nil, choosesRate: try rate() == nil, choosesEpochs: epochs == nil,
      choosesBatch: batch == nil)
    try options.validate()
  }

  /// All options, with the defaults of training from nothing or of fine-tuning.
  func options(_ tune: FineTuneFlags, width: Int) throws -> TrainingOptions {
    var options = tune.from == nil ? TrainingOptions() : TrainingOptions.fineTuning
    options.schedule = try scheduleOptions.shape(schedule, flag: "--schedule")
    if case .oneCycle = options.schedule { options.warmup = .steps(0) }
    if let warmup {
      guard let length = WarmupLength(warmup) else {
        throw TrainingError.badOption(
          name: "--warmup", value: warmup, allowed: "whole steps, or a share such as 0.1 or 10%")
      }
      options.warmup = length
    }
    options.scheduleFloor = scheduleOptions.floor
    options.plateauFactor = scheduleOptions.factor
    options.optimizer = try optimizer.options()
    options.epochs = epochs ?? options.epochs
    options.batchSize = batch ?? options.batchSize
    (options.accumulation, options.patience) = (accumulate, patience)
    (options.weightDecay, options.clipNorm) = (weightDecay, clip)
    options.labelSmoothing = labelSmoothing
    options.classWeighting = try Choice.of("--class-weights", classWeights)
    options.wordDropout = wordDropout ?? options.wordDropout
    options.subwordDropout = subwordDropout ?? options.subwordDropout
    options.consistency = consistency ?? options.consistency
    options.teacherShare = teacher ?? options.teacherShare
    (options.outOfScopeLabel, options.outOfScopeCost) = (outOfScope, outOfScopeCost)
    options.embeddingRateScale = embeddingRateScale ?? options.embeddingRateScale
    (options.averageDecay, options.seed, options.watchesLoss) = (average, seed, watch)
    options.layerDecay = tune.layerDecay ?? options.layerDecay
    (options.frozenLayers, options.freezesEmbeddings) = (tune.freezeLayers, tune.freezeEmbeddings)
    try tune.checkFrozen(self)
    options.learns = tune.learned
    if options.learns != .weights { options.layerDecay = tune.layerDecay ?? 1 }
    (options.unfreezeEpochs, options.headEpochs) = (tune.unfreezeEvery, tune.headEpochs)
    options.warmsHead = tune.from != nil && tune.warmHead
    options.learningRate =
      try rate() ?? options.defaultRate(width: width, isFineTuning: tune.from != nil)
    try options.validate()
    return options
  }
}

/// A word on the command line that stands for one of several values.
enum Choice {
  static func of<Value: RawRepresentable & CaseIterable>(
    _ name: String, _ text: String
  ) throws -> Value where Value.RawValue == String {
    guard let value = Value(rawValue: text) else {
      throw TrainingError.badOption(
        name: name, value: text,
        allowed: "one of " + Value.allCases.map(\.rawValue).joined(separator: ", "))
    }
    return value
  }
}
