import ArgumentParser
import Files
import Foundation
import Hub
import HubCache
import JSON
import Transformer

struct Models: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List the models in the cache, what each can do here, and delete them.",
    discussion: """
      The cache is that of huggingface_hub (HF_HOME, HF_HUB_CACHE): what Python has downloaded is listed as well.

      Examples:
        martlet models
        martlet models --json
        martlet models rm BAAI/bge-small-en-v1.5
        martlet models rm BAAI/bge-small-en-v1.5@v1.0
      """,
    subcommands: [ListModels.self, RemoveModels.self], defaultSubcommand: ListModels.self)
}

struct ListModels: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list",
    abstract: "List the models in the cache: what each can do here, and its size.")

  @Flag(help: "Print one JSON object.") var json = false

  func run() throws {
    let cache = HubSettings.cache()
    let rows = cache.models().map(Row.init)
    if json {
      let object: JSONValue = ["cache": .string(cache.path), "models": .array(rows.map(\.json))]
      return try Console.print(object.serialized(pretty: true))
    }
    if rows.isEmpty {
      return try Console.print(
        "no models in \(cache.path); martlet pull NAME brings one, such as BAAI/bge-small-en-v1.5")
    }
    let table =
      [["NAME", "TASK", "FAMILY", "SIZE", "COMMIT", ""]]
      + rows.map {
        [
          "\($0.model.name)", $0.task ?? "-", $0.family ?? "-", HubError.size($0.model.bytes),
          String($0.model.snapshot.commit.prefix(12)), $0.problem ?? "",
        ]
      }
    let widths = (0..<5).map { column in table.map { $0[column].count }.max() ?? 0 }
    for row in table {
      let cells = row.enumerated().map { column, text in
        column < widths.count
          ? text + String(repeating: " ", count: widths[column] - text.count) : text
      }
      let line = cells.joined(separator: "  ")
      try Console.print(String(line.reversed().drop { $0 == " " }.reversed()))
    }
  }

  /// A model, and what it is here.
  private struct Row {
    let model: CachedModel
    var (task, family, problem): (String?, String?, String?)

    init(_ model: CachedModel) {
      self.model = model
      do {
        let configuration = try ModelDirectory.describe(model.snapshot.path)
        (task, family) = (configuration.task.rawValue, configuration.shape.modelType)
        if model.snapshot.state == .partial {
          problem = "not whole: martlet pull \(model.name)"
        }
      } catch {
        // The folder's long path says nothing that the name does not.
        problem = FileError.words(of: error)
          .replacing(model.snapshot.path + "/", with: "").replacing("\n", with: " ")
      }
    }

    var json: JSONValue {
      [
        "name": .string("\(model.name)"), "commit": .string(model.snapshot.commit),
        "references": .array(model.references.map { .string($0) }),
        "path": .string(model.snapshot.path), "bytes": JSONValue(model.bytes),
        "task": task.map { .string($0) } ?? .null, "family": family.map { .string($0) } ?? .null,
        "can_be_served": JSONValue(problem == nil),
        "problem": problem.map { .string($0) } ?? .null,
      ]
    }
  }
}

struct RemoveModels: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rm", abstract: "Delete models from the cache, or one revision of one.",
    discussion: """
      Examples:
        martlet models rm BAAI/bge-small-en-v1.5
        martlet models rm org/model@refs/pr/3 --json
      """)

  @Argument(
    help: ArgumentHelp(
      "NAME or ORGANISATION/NAME, and @REVISION for that alone.", valueName: "name[@revision]"))
  var names: [String]
  @Flag(help: "Print one JSON object.") var json = false

  func run() throws {
    let cache = HubSettings.cache()
    let names = try names.map { text in
      guard let name = HubName(text) else { throw HubError.badName(text) }
      return name
    }
    var removed: [JSONValue] = []
    for name in names {
      let bytes = try cache.remove(name)
      removed.append(["name": .string("\(name)"), "bytes": JSONValue(bytes)])
      if !json { try Console.report("removed \(name): \(HubError.size(bytes))") }
    }
    if json { try Console.print((["removed": .array(removed)] as JSONValue).serialized()) }
  }
}
