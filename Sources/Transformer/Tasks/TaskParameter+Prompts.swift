/// What a request may say of what is put before its texts.
extension TaskParameter {
  /// Bytes of a prompt at most.
  private static let longestPrompt = 4096

  /// `prompt_name` among the model's prompts, `prompt`, or the side of a search on which the texts are.
  static func prompts(_ model: ModelSignature) -> [TaskParameter] {
    let named = TaskParameter(
      name: "prompt_name", kind: .choice(model.prompts),
      summary: "The model's prompt of this name is put before the texts.")
    return (model.prompts.isEmpty ? [] : [named]) + [
      TaskParameter(
        name: "prompt", kind: .phrase(longestPrompt), summary: "Put before the texts."),
      TaskParameter(
        name: "input_type", kind: .choice(TextSide.allCases.map(\.rawValue)),
        summary:
          "Which side of a search the texts are on: each has its prompt, and some models read "
          + "it in their own way."),
    ]
  }
}

extension TaskParameters {
  /// The side of a search on which the texts are; nil where nothing is said.
  var side: TextSide? { text("input_type").flatMap(TextSide.init(rawValue:)) }

  /// Refuses two prompts.
  ///
  /// - Throws: `InputProblem`.
  func checkPrompts() throws(InputProblem) {
    if text("prompt") != nil && text("prompt_name") != nil {
      throw InputProblem(
        "Both 'prompt' and 'prompt_name' are given.", mend: "Give one of them.",
        pointer: "/prompt_name")
    }
  }
}

extension Prompts {
  /// What is put before texts of a request that says `parameters`.
  func text(for parameters: TaskParameters) -> String {
    if let prompt = parameters.text("prompt") { return prompt }
    if let name = parameters.text("prompt_name") { return self[name] ?? "" }
    return parameters.side.map { text(for: $0) } ?? standard
  }
}

extension [Float] {
  /// Divided by the Euclidean length, which is taken as at least 1e-12 as in torch.
  func normalized() -> [Float] {
    let squares = reduce(0.0) { $0 + Double($1) * Double($1) }
    let scale = 1 / Swift.max(squares.squareRoot(), 1e-12)
    return map { Float(Double($0) * scale) }
  }
}
