import ArgumentParser
import Foundation
import Serving
import Tensor
import Training
import Transformer

struct Train: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Train a classifier from labelled text.",
    discussion: """
      DATA and the validation file hold one `label<TAB>text` a line, UTF-8, without a header. The \
      vocabulary is learned from DATA. The weights of the best validation are kept.

      Examples:
        martlet train train.tsv --validation validation.tsv -o my-model
        martlet train train.tsv --validation validation.tsv -o my-model \\
          --learning-rate 5e-4 --epochs 30 --decay cosine
      """)

  @Argument(help: "Labelled rows to learn from.") var data: String
  @Option(help: "Labelled rows to stop by.") var validation: String
  @Option(name: .shortAndLong, help: "Folder for the model, made if missing.") var output: String

  @Option(help: "Highest learning rate.") var learningRate = TrainingOptions().learningRate
  @Option(help: "Multiplies the rate of the embedding tables.")
  var embeddingRateScale = TrainingOptions().embeddingRateScale
  @Option(help: "Fall of the rate: \(LearningRateSchedule.Decay.names.joined(separator: ", ")).")
  var decay = "linear"
  @Option(help: "Share of the steps that warm up.") var warmup = TrainingOptions().warmupShare
  @Option(help: "Passes over the data at most.") var epochs = TrainingOptions().epochs
  @Option(help: "Rows a step.") var batch = TrainingOptions().batchSize
  @Option(help: "Epochs without a better validation before stopping; 0 never stops.")
  var patience = TrainingOptions().patience
  @Option(help: "Decoupled weight decay.") var weightDecay = TrainingOptions().weightDecay
  @Option(help: "Longest gradient; 0 switches clipping off.") var clip = TrainingOptions().clipNorm
  @Option(help: "Share of probability spread over all labels.")
  var labelSmoothing = TrainingOptions().labelSmoothing
  @Option(help: "Share of tokens hidden at each step.") var wordDropout = TrainingOptions()
    .wordDropout
  @Option(help: "Factor of the weights' moving average; 0 for none.")
  var average = TrainingOptions().averageDecay
  @Option(help: "Decides initial weights, order and dropout.") var seed = TrainingOptions().seed

  @Option(help: "Tokens of the vocabulary.") var vocabulary = ModelSize().vocabulary
  @Option(help: "Width of the model.") var width = ModelSize().width
  @Option(help: "Encoder layers.") var layers = ModelSize().layers
  @Option(help: "Attention heads.") var heads = ModelSize().heads
  @Option(help: "Width inside the feed-forward block.") var feedForward = ModelSize().feedForward
  @Option(help: "Longest input in tokens.") var maxTokens = ModelSize().maximumTokens
  @Option(help: "Dropout.") var dropout = ModelSize().dropout
  @Option(help: "Place of the layer norms: post, pre.") var normalization = "post"
  @Option(help: "Positional encoding: sinusoidal, learned, none.") var positions = "sinusoidal"
  @Option(help: "Threads; 0 for all cores.") var threads = 0
  @Option(help: "Where the data is from and its licence, for the model card.")
  var dataSource = "not stated"

  func run() throws {
    var size = ModelSize()
    (size.vocabulary, size.width, size.layers) = (vocabulary, width, layers)
    (size.heads, size.feedForward, size.maximumTokens) = (heads, feedForward, maxTokens)
    size.dropout = dropout
    size.normalization = try choice("--normalization", normalization)
    size.positionalEncoding = try choice("--positions", positions)
    let options = try trainingOptions()
    try options.validate()
    let cores = threads > 0 ? threads : ProcessInfo.processInfo.activeProcessorCount
    let kernels = try Kernels.best(threads: cores)
    let job = try ClassifierTraining(training: data, validation: validation, size: size)
    let architecture = describe(job.configuration)
    print(
      "\(job.training.rows.count) training and \(job.validation.rows.count) validation rows, "
        + "\(job.labels.count) labels, \(job.tokenizer.vocabularySize) tokens")
    print("\(architecture); kernels \(kernels.name), \(cores) threads, seed \(seed)")
    var line = ProgressLine()
    let result = try job.run(options: options, kernels: kernels) { line.show($0) }
    try save(job, result, options, architecture)
  }

  private func trainingOptions() throws -> TrainingOptions {
    var options = TrainingOptions()
    guard let fall = LearningRateSchedule.Decay(name: decay) else {
      throw TrainingError.badOption(
        name: "--decay", value: decay,
        allowed: "one of " + LearningRateSchedule.Decay.names.joined(separator: ", "))
    }
    (options.learningRate, options.decay, options.warmupShare) = (learningRate, fall, warmup)
    (options.epochs, options.batchSize, options.patience) = (epochs, batch, patience)
    (options.weightDecay, options.clipNorm) = (weightDecay, clip)
    (options.labelSmoothing, options.wordDropout) = (labelSmoothing, wordDropout)
    options.embeddingRateScale = embeddingRateScale
    (options.averageDecay, options.seed) = (average, seed)
    return options
  }

  private func choice<Value: RawRepresentable & CaseIterable>(
    _ name: String, _ text: String
  ) throws -> Value where Value.RawValue == String {
    guard let value = Value(rawValue: text) else {
      throw TrainingError.badOption(
        name: name, value: text,
        allowed: "one of " + Value.allCases.map(\.rawValue).joined(separator: ", "))
    }
    return value
  }

  private func describe(_ c: EncoderConfiguration) -> String {
    let count = EncoderParameters(c).entries.reduce(0) { $0 + $1.range.count }
    return
      "\(c.layerCount)-layer Transformer encoder, width \(c.hiddenSize), \(c.headCount) heads, "
      + "\(c.positionalEncoding.rawValue) positions, \(c.normalization.rawValue)-norm, "
      + "\(count) parameters"
  }

  private func save(
    _ job: ClassifierTraining, _ result: TrainingResult, _ options: TrainingOptions,
    _ architecture: String
  ) throws {
    try ModelDirectory.write(result.parameters, to: output)
    try job.tokenizer.write(to: output)
    let command = (["martlet"] + CommandLine.arguments.dropFirst()).map { word in
      word.contains(" ") ? "'\(word)'" : word
    }.joined(separator: " ")
    let card = ModelCard(
      name: URL(fileURLWithPath: output).lastPathComponent, command: command,
      dataSource: dataSource, rows: (job.training.rows.count, job.validation.rows.count),
      architecture: architecture, options: options, result: result)
    try Data(card.markdown.utf8).write(
      to: URL(fileURLWithPath: output + "/README.md"), options: .atomic)
    try ReferenceMeasurement.write(
      directory: output,
      rows: job.validation.rows.map { .init(text: $0.text, label: $0.label) },
      threads: max(1, threads))
    let figures = result.validation
    print(
      String(
        format: "best epoch %d: validation accuracy %.2f %%, macro-F1 %.4f, loss %.4f",
        result.bestEpoch, figures.accuracy * 100, figures.macroF1, figures.loss))
    print(
      "wrote \(output) (\(String(format: "%.0f", result.seconds)) s); "
        + "try: martlet serve \(output)")
  }
}
