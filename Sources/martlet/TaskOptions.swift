import ArgumentParser
import FileJobs
import JSON
import Transformer

/// What a task takes beside its texts.
struct TaskOptions: ParsableArguments {
  @Option(help: "The question that is asked of each text (question answering).") var question:
    String?
  @Option(help: "Labels to choose from, parted by commas (zero-shot, with a model of entailment).")
  var candidateLabels: String?
  @Option(help: "What a text should entail, with {} for the label.") var hypothesisTemplate: String?
  @Flag(help: "Let several candidate labels apply.") var multiLabel = false
  @Option(help: "How tokens become entities: none, simple, first, average, max.")
  var aggregation: String?
  @Option(
    help:
      "What is done with texts that are longer than the model reads: truncate, truncate_left, refuse, windows."
  )
  var longText: String?
  @Option(help: "Tokens that two windows of a long text share.") var stride: Int?
  @Option(help: "How many answers to a question; JSON lines have all, tables the best.")
  var topK: Int?
  @Option(help: "The model's prompt of this name is put before texts (embeddings).")
  var promptName: String?
  @Option(help: "Put before texts (embeddings).") var prompt: String?
  @Option(help: "Which side of a search texts are on: query, document (embeddings).")
  var inputType: String?
  @Option(help: "How many of a vector's numbers are kept, the first ones.") var dimensions: Int?
  @Option(help: "Words that a mask may stand for, parted by commas.") var targets: String?
  @Option(
    help: "Another parameter of the model's task, such as max_answer_len=30; may be repeated.")
  var parameter: [String] = []

  func validate() throws {
    for text in parameter where !text.contains("=") {
      throw ValidationError("--parameter \(text): write NAME=VALUE")
    }
  }

  /// What every row is asked.
  func rows(_ model: TextModel) -> TaskRows {
    var members = JSONObject()
    if let candidateLabels { members["candidate_labels"] = .string(candidateLabels) }
    if let hypothesisTemplate { members["hypothesis_template"] = .string(hypothesisTemplate) }
    if multiLabel { members["multi_label"] = true }
    if let aggregation { members["aggregation"] = .string(aggregation) }
    if let longText { members["long_text"] = .string(longText) }
    if let stride { members["stride"] = JSONValue(stride) }
    if let promptName { members["prompt_name"] = .string(promptName) }
    if let prompt { members["prompt"] = .string(prompt) }
    if let inputType { members["input_type"] = .string(inputType) }
    if let dimensions { members["dimensions"] = JSONValue(dimensions) }
    if let targets { members["targets"] = .string(targets) }
    if let topK { members["top_k"] = JSONValue(topK) }
    for text in parameter {
      let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let value = String(parts.last ?? "")
      members[String(parts[0])] = (try? JSONValue(parsing: Array(value.utf8))) ?? .string(value)
    }
    return TaskRows(model: model, question: question, members: members)
  }
}
