import ArgumentParser

/// What is served.
struct ModelArguments: ParsableArguments {
  @Argument(help: "Model directory.") var model: String
}
