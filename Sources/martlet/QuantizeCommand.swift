import ArgumentParser
import FileJobs
import Files
import Foundation
import Training
import Transformer

struct Quantize: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write a copy of a model whose layers run in 8 bits, if it stays accurate.",
    discussion: """
      Each output's weights share a scale and are rounded for the inputs that the first 256 rows \
      bring (GPTQ). Activations are quantised by token while the model runs; sums are exact. \
      Martlet measures both models on the validation rows. It writes nothing if the loss is above \
      --max-drop (for embeddings: if the mean cosine with the original is below --min-cosine).

      Examples:
        martlet quantize my-model -o my-model-8bit --validation held-out.tsv
        martlet quantize all-MiniLM-L6-v2 -o MiniLM-8bit --validation sentences.txt
      """)

  @Argument(help: "Model directory, or a name on a hub.") var model: String
  @Option(name: .shortAndLong, help: "Directory to write.") var output: String
  @Option(help: "Labelled rows, or plain texts for an embedding model.") var validation: String
  @OptionGroup var options: RecordOptions
  @Option(help: "Column of the truth.") var labelColumn: String?
  @Option(help: "Most percentage points that may be lost.") var maxDrop = 0.5
  @Option(help: "Least mean cosine of an embedding model's vectors.") var minCosine = 0.9975
  @Option(help: "How far outliers move from inputs to weights, from 0 (not at all) to 1.")
  var smooth: Float = 0.5
  @Flag(help: "Replace the output directory if it exists.") var force = false

  func validate() throws {
    guard (0...1).contains(smooth) else {
      throw ValidationError("--smooth \(smooth) is outside 0 to 1; 0.5 is usual.")
    }
  }

  /// Writes over one line, on a terminal alone.
  private static func show(_ share: Double) {
    Console.showProgress(share < 1 ? "rounding weights: \(Int(share * 100)) %" : "")
  }

  func run() throws {
    let path = URL(fileURLWithPath: output).standardizedFileURL.path
    if !force && FileManager.default.fileExists(atPath: path) {
      throw ValidationError("\(output) exists; choose another name, or replace it by --force.")
    }
    let model = try ModelSource.directory(model)
    let original = try TextModel.load(directory: model)
    let isEmbedding = original.task == .embedding
    var format = options.format ?? RecordFormat(path: validation)
    if format == .text && !isEmbedding { format = .tsv }
    var reader = try RecordReader(
      path: validation, format: format,
      layout: options.layout(label: isEmbedding ? nil : labelColumn, hasLabels: !isEmbedding))
    // Read once: both models are measured on them, and a pipe gives them but once.
    var rows: [Record] = []
    while let record = try reader.next() { rows.append(record) }
    reader.notes.forEach { Console.say($0) }
    guard !rows.isEmpty else { throw TrainingError.nothingMeasured(path: reader.path) }
    let samples = rows.prefix(256)
    let staged = try StagedFolder(for: path)
    do {
      try Quantizer.write(
        model, to: staged.path,
        calibration: QuantizationCalibration(
          original, texts: samples.map(\.input.text), smoothing: smooth
        ) { share in
          Self.show(share)
        })
    } catch let error as RejectedInput {
      throw RecordError.rejected(
        path: reader.path, line: samples[error.index].line, reason: error.reason)
    }
    // The 8-bit model as it will be served.
    let check = try QuantizationCheck(
      original, TextModel.load(directory: staged.path, precision: .auto), rows: rows,
      path: reader.path,
      threads: options.cores)
    try Console.report(
      String(
        format: "%@ before %.5f, after %.5f: %.3f points lost", check.measure, check.before,
        check.after, check.drop))
    let isGood = isEmbedding ? check.after >= minCosine : check.drop <= maxDrop
    guard isGood else {
      let limit = isEmbedding ? "--min-cosine \(minCosine)" : "--max-drop \(maxDrop)"
      throw ValidationError(
        "Nothing is written: the loss is beyond \(limit). Try another --smooth, or keep the original."
      )
    }
    try staged.replace()
    try Console.report(
      "\(output): layers in 8 bits; serve it as any model: martlet serve \(output)")
  }
}
