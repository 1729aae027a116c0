import ArgumentParser
import Serving

/// What is served, and how long requests may wait for it.
struct ModelArguments: ParsableArguments {
  @Argument(
    help: ArgumentHelp(
      "Model directory or a name on a hub, or NAME=DIR; several are served side by side.",
      discussion: """
        A directory with folders 1, 2, … serves the highest. HUP loads everything anew and switches versions. \
        A hub's model is downloaded first if it is not in the cache, which `martlet pull` brings up to date.
        """))
  var models: [String]
  @Option(help: "Name of the model that answers /predict; without it, the first.")
  var defaultModel: String?
  @Option(
    help: ArgumentHelp(
      "NAME=ALIAS: another name that the model answers to; may be repeated.",
      valueName: "name=alias"))
  var alias: [String] = []
  @Option(
    help: ArgumentHelp(
      "NAME=DIR:5%: another version of a model that answers this share of its requests.",
      valueName: "name=dir:percent%"))
  var canary: [String] = []
  @Option(
    help: ArgumentHelp(
      "NAME=DIR: another version that answers nobody; its answers are compared with the primary's.",
      valueName: "name=dir"))
  var shadow: [String] = []
  @Option(help: "Most requests that wait in a worker; above it the answer is 503.")
  var maxQueue = 512
  @Option(
    help: "Most seconds that a request may have to wait for its turn; above it the answer is 503.")
  var maxQueueWait = 5.0
  @Option(help: "Most texts in one request.") var maxTexts = 256

  func validate() throws {
    for (name, value) in [("--max-queue", maxQueue), ("--max-texts", maxTexts)]
    where !(1...65536).contains(value) {
      throw ValidationError("\(name) \(value): use a number from 1 to 65536")
    }
    if !(maxQueueWait > 0 && maxQueueWait < 1e6) {
      throw ValidationError("--max-queue-wait \(maxQueueWait): use seconds above 0")
    }
  }

  /// What is served, by directories.
  /// - Parameter mayDownload: false at a reload, whose workers would wait for it.
  func specifications(mayDownload: Bool) throws -> [ModelSpecification] {
    var all =
      try models.map(ModelSpecification.primary) + canary.map(ModelSpecification.canary)
      + shadow.map(ModelSpecification.shadow)
    for alias in alias { try ModelSpecification.addAlias(alias, to: &all) }
    for index in all.indices {
      all[index].directory = try ModelSource.directory(
        all[index].directory, mayDownload: mayDownload)
    }
    return all
  }

  func apply(to options: inout ServingOptions) {
    options.maximumQueuedTexts = maxQueue
    options.maximumQueueWait = maxQueueWait
    options.maximumTextsPerRequest = maxTexts
  }
}
