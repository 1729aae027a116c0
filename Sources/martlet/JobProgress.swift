import ArgumentParser
import FileJobs
import Files
import Foundation
import Transformer

/// Shows a file job as it goes, on a terminal alone.
final class JobProgress {
  private let start = ContinuousClock.now
  private var lastShown = ContinuousClock.now
  private let size: Int

  private let output: String

  /// - Parameters:
  ///   - path: the file being read, for its share; `-` has none.
  ///   - output: where the rows go, for the message of an interrupted job.
  init(path: String, output: String = "-") {
    self.output = output
    let attributes = try? FileManager.default.attributesOfItem(atPath: path)
    size = (attributes?[.size] as? NSNumber)?.intValue ?? 0
  }

  func show(_ p: FileJob.Progress) {
    let fate = output == "-" ? "" : "; nothing is written to \(output)"
    Interruption.place("after \(p.rows) rows\(fate)")
    let now = ContinuousClock.now
    guard now - lastShown > .milliseconds(200) else { return }
    lastShown = now
    let seconds = max(1e-9, (now - start) / .seconds(1))
    let share = size > 0 ? String(format: "%3.0f %%  ", Double(p.bytes) / Double(size) * 100) : ""
    let text = String(
      format: "%@%d rows  %.0f rows/s  %.0f tokens/s", share, p.rows,
      Double(p.rows) / seconds, Double(p.tokens) / seconds)
    Console.showProgress(text)
  }

  func finish() {
    Console.showProgress("")
  }
}

/// Options that commands over files share.
struct RecordOptions: ParsableArguments {
  @Option(
    help: "Format of the file: text, tsv, csv, jsonl; by its name when not given.")
  var format: RecordFormat?
  @Option(help: "Column of the text: a name of the header, or a number from 1.")
  var column: String?
  @Option(help: "Column of the second text of a pair.") var pairColumn: String?
  @OptionGroup var layoutFlags: LayoutFlags
  @Option(help: "Threads; 0 for all cores.") var threads = ThreadCount.all

  /// Rows by these options.
  func layout(label: String? = nil, hasLabels: Bool = false) -> RecordLayout {
    layoutFlags.layout(text: column, pair: pairColumn, label: label, hasLabels: hasLabels)
  }

  var cores: Int { threads.count }
}

extension RecordFormat: ExpressibleByArgument {}
extension PredictionWriter.Format: ExpressibleByArgument {}

extension RecordOptions {
  /// Writes what `model` says of each row of `file`, and shows how far it is; `output` is where the answers go.
  func answer(
    _ file: String, by model: TextModel, with writer: inout PredictionWriter, output: String,
    rows: TaskRows? = nil
  ) throws {
    var reader = try RecordReader(path: file, format: format, layout: layout())
    reader.rows = rows
    let progress = JobProgress(path: file, output: output)
    try FileJob(model: model, threads: cores).run(&reader, progress: progress.show) {
      try writer.write($1)
    }
    progress.finish()
    reader.notes.forEach { Console.say($0) }
    try writer.finish()
  }
}
