import Foundation
import JSON
import Tokenization

/// Any labels for a text, by a model of natural language inference: how far the text entails "This example is LABEL.".
///
/// The scores are those of `ZeroShotClassificationPipeline` of `transformers`. The premise is cut into tokens once; all pairs are
/// sequences of one input, and so in one batch.
struct ZeroShot {
  private static let template = "This example is {}."

  let labels: [String]
  let template: String
  let isMultiLabel: Bool

  /// What `parameters` ask for; nil where they name no labels.
  init?(_ parameters: TaskParameters) {
    guard let labels = parameters.texts("candidate_labels") else { return nil }
    self.labels = labels
    template = parameters.text("hypothesis_template") ?? Self.template
    isMultiLabel = parameters.bool("multi_label") ?? false
  }

  /// What a model takes: nothing, where none of its labels is "entailment".
  static func parameters(_ model: ModelSignature) -> [TaskParameter] {
    if entailment(model.labels) == nil { return [] }
    return [
      TaskParameter(
        name: "candidate_labels", kind: .texts(1...256),
        summary:
          "The labels among which the text is to be placed, though the model was not trained for them."
      ),
      TaskParameter(
        name: "hypothesis_template", kind: .text(1024),
        summary:
          "What the text should entail, with {} for the label; 'This example is {}.' where left out."
      ),
      TaskParameter(
        name: "multi_label", kind: .boolean,
        summary: "Whether several may apply, each with a probability of its own."),
    ]
  }

  /// - Throws: `InputProblem` for a template without `{}`, or one without labels.
  static func check(_ parameters: TaskParameters) throws(InputProblem) {
    if let template = parameters.text("hypothesis_template"), holes(template).count != 2 {
      throw InputProblem(
        "The template has no place for the label, or more than one.",
        mend: "Write {} once, as in \"\(Self.template)\".", pointer: "/hypothesis_template")
    }
    for name in ["hypothesis_template", "multi_label"]
    where parameters.contains(name) && !parameters.contains("candidate_labels") {
      throw InputProblem(
        "'\(name)' is there, but 'candidate_labels' is not.",
        mend: "Name the labels: \"candidate_labels\": [\"sports\", \"politics\"].",
        pointer: "/\(name)")
    }
  }

  /// What stands around `{}`.
  private static func holes(_ template: String) -> [Substring] {
    template.split(separator: "{}", omittingEmptySubsequences: false)
  }

  /// The output that says that the first text entails the second.
  static func entailment(_ labels: [String]) -> Int? {
    labels.firstIndex { $0.lowercased().utf8.starts(with: "entail".utf8) }
  }

  func hypothesis(_ label: String) -> String {
    let parts = Self.holes(template)
    return parts[0] + label + (parts.count > 1 ? parts[1] : "")
  }

  func tokenEstimate(_ input: TextInput, maximum: Int) -> Int {
    let premise = input.text.utf8.count + template.utf8.count
    return labels.reduce(0) { $0 + min(maximum, (premise + $1.utf8.count) / 4 + 3) }
  }

  func encode(_ input: TextInput, by model: TextModel) throws(PredictionError) -> EncodedInput {
    guard input.pair == nil else { throw .pairWithLabels }
    let tokenizer = model.tokenizer
    let room = model.maximumTokens - tokenizer.frameCount(isPair: true)
    let premise = tokenizer.tokens(
      of: model.configuration.prompts.standard + input.text, limit: room)
    var encodings: [Encoding] = []
    for label in labels {
      let second = tokenizer.tokens(of: hypothesis(label), limit: room)
      guard second.ids.count < room else { throw .noRoom(tokens: model.maximumTokens) }
      encodings.append(
        tokenizer.framing(
          premise, second, maximumLength: model.maximumTokens, strategy: .onlyFirst))
    }
    return try EncodedInput(input, encodings)
  }

  /// The labels, the likeliest first.
  func value(_ outputs: [SequenceOutput], by model: TextModel) -> Prediction.Value {
    let count = model.labels.count
    let entailed = Self.entailment(model.labels) ?? 0
    // As the pipeline has it: what contradicts is the first output, or the last where the first is what entails.
    let contradicted = entailed == 0 ? count - 1 : 0
    let rows = outputs.map { Array($0.row(0)) }
    let scores =
      isMultiLabel || labels.count == 1
      ? rows.map { HeadFunction.softmax([$0[contradicted], $0[entailed]])[1] }
      : HeadFunction.softmax(rows.map { $0[entailed] })
    let order = scores.indices.sorted { (scores[$1], $0) < (scores[$0], $1) }
    return .ranking(labels: order.map { labels[$0] }, scores: order.map { scores[$0] })
  }

  /// The answer as a JSON schema.
  static var schema: JSONValue {
    Schema.object(
      ["labels": Schema.list(Schema.string), "scores": Schema.list(Schema.number)],
      required: ["labels", "scores"], isClosed: true)
  }
}
