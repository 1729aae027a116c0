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
  /// What was learned.
  package var objective: any TrainingObjective
  /// One line on the architecture.
  public var architecture: String
  /// How it was trained.
  public var options: TrainingOptions
  /// What came out.
  public var result: TrainingResult

  /// A card.
  package init(
    name: String, command: String, dataSource: String, rows: (training: Int, validation: Int),
    program: String, objective: any TrainingObjective, architecture: String,
    options: TrainingOptions, result: TrainingResult
  ) {
    self.program = program
    self.name = name
    self.command = command
    self.dataSource = dataSource
    self.rows = rows
    (self.objective, self.architecture) = (objective, architecture)
    self.options = options
    self.result = result
  }

  /// The card as Markdown.
  public var markdown: String {
    let figures = result.validation
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

      A model for \(objective.modelTask.rawValue), trained by Martlet: \(architecture).

      | | |
      |---|---|
      | labels | \(cell(objective.labels.joined(separator: ", "))) |
      | data | \(cell(dataSource)) |
      | rows | \(rows.training) training, \(rows.validation) validation |
      \(figures.summary.map { "| validation \($0.name) | \($0.value) |" }.joined(separator: "\n"))
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

      """
    if let (columns, rows) = figures.byLabel {
      func line(_ cells: [String]) -> String { "| " + cells.joined(separator: " | ") + " |\n" }
      text += "\nBy label on the validation rows:\n\n" + line(columns)
      text += "|" + String(repeating: "---|", count: columns.count) + "\n"
      for row in rows { text += line(row.map(cell)) }
    }
    return text
  }
}
