import Files
import Foundation

/// The README.md that stands beside a trained model: what it is, from what, how well.
public struct ModelCard: Sendable {
  /// The model's name.
  public var name: String
  /// The command that made it.
  public var command: String
  /// Where the data is from and under which licence, as the user states it.
  public var dataSource: String
  /// Rows of the training and the validation file.
  public var rows: (training: Int, validation: Int)
  /// The program's version, kernels and threads.
  public var program: String
  /// One line on the architecture.
  public var architecture: String
  /// How it was trained.
  public var options: TrainingOptions
  /// What came out.
  public var result: TrainingResult

  /// A card.
  public init(
    name: String, command: String, dataSource: String, rows: (training: Int, validation: Int),
    program: String, architecture: String, options: TrainingOptions, result: TrainingResult
  ) {
    self.program = program
    self.name = name
    self.command = command
    self.dataSource = dataSource
    self.rows = rows
    self.architecture = architecture
    self.options = options
    self.result = result
  }

  /// The card as Markdown.
  public var markdown: String {
    let figures = result.validation
    func percent(_ share: Double) -> String { String(format: "%.2f %%", share * 100) }
    // What would end the cell, or be markup.
    func cell(_ text: String) -> String {
      text.escaped {
        switch $0 {
        case UInt8(ascii: "|"): "\\|"
        case UInt8(ascii: "<"): "&lt;"
        case 9, 10, 13: " "
        default: nil
        }
      }
    }
    let events =
      result.history.events.isEmpty
      ? "nothing"
      : result.history.events.map { "step \($0.step): \($0.message)" }.joined(separator: "; ")
    var text = """
      # \(name)

      A text classifier trained by Martlet: \(architecture).

      | | |
      |---|---|
      | labels | \(cell(figures.labels.joined(separator: ", "))) |
      | data | \(cell(dataSource)) |
      | rows | \(rows.training) training, \(rows.validation) validation |
      | validation accuracy | \(percent(figures.accuracy)) |
      | validation macro-F1 | \(String(format: "%.4f", figures.macroF1)) |
      | validation loss | \(String(format: "%.4f", figures.loss)) |
      | best epoch | \(result.bestEpoch) of \(result.epochs) |
      | learning rate | peak \(options.learningRate), warm-up \(options.warmup), schedule \(options.schedule.name) |
      | batch | \(options.batchSize) rows |
      | regularisation | weight decay \(options.weightDecay), word dropout \(options.wordDropout), subword dropout \(options.subwordDropout), consistency \(options.consistency), label smoothing \(options.labelSmoothing), a linear model's part of the targets \(options.teacherShare), weight average \(options.averageDecay) |
      | what the trainer did by itself | \(events) |
      | seed | \(options.seed) |
      | time | \(String(format: "%.0f", result.seconds)) s, \(String(format: "%.0f", result.tokensPerSecond)) tokens/s |

      Made by \(program):

      ```
      \(command)
      ```

      F1 by label on the validation rows:

      | label | precision | recall | F1 |
      |---|---|---|---|

      """
    for (index, label) in figures.labels.enumerated() {
      let values = [figures.precision(index), figures.recall(index), figures.f1(index)]
      text += "| \(cell(label)) | " + values.map(ClassificationReport.text).joined(separator: " | ")
      text += " |\n"
    }
    return text
  }
}
