import ArgumentParser
import FileJobs
import Files
import JSON

struct Inspect: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Say what a model is, what it needs, and how fast it should be here.",
    discussion: """
      Reads the headers alone, and measures the CPU for a fifth of a second. MARTLET_ISA chooses \
      the kernels, as everywhere.

      Examples:
        martlet inspect Models/sms-spam
        martlet inspect my-model --json
      """)

  @Argument(help: "Model directory, or a name on a hub.") var model: String
  @Flag(help: "Print one JSON object.") var json = false

  func run() throws {
    let inspection = try ModelInspection(directory: ModelSource.directory(model))
    try Console.print(json ? inspection.json.serialized(pretty: true) : inspection.text)
  }
}
