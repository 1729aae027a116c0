import JSON
import Transformer

/// What the ready file says beyond addresses and processes.
extension ServeProgram {
  /// What is spoken on the public listeners.
  package var scheme: String { adopted?.options.tls == nil ? "http" : "https" }

  /// Names of the models as the ready line has them, each with its precision.
  package var readyNames: [String] {
    (adopted?.settings.models ?? []).filter { $0.role == .primary }.map { specification in
      specification.name
        + (precision(of: specification).map { " (\($0.rawValue))" } ?? "")
    }
  }

  private func precision(of specification: ModelSpecification) -> Precision? {
    guard let adopted else { return nil }
    if let loaded = adopted.loaded.first(where: { $0.specification == specification }) {
      return loaded.model.precision
    }
    let directory = ModelVersionDirectory(specification.directory).path
    return try? ModelDirectory.precision(adopted.settings.precision, directory: directory)
  }

  /// What is served. Where each worker loads its own (`--no-preload`), task and labels are as the models' files say now.
  package var servedModels: [JSONValue] {
    (adopted?.settings.models ?? []).map { specification in
      let directory = ModelVersionDirectory(specification.directory)
      let loaded = adopted?.loaded.first { $0.specification == specification }
      let found = loaded == nil ? try? ModelDirectory.describe(directory.path) : nil
      let task = loaded?.model.task ?? found?.task
      let labels = loaded?.model.labels ?? found?.labels
      return [
        "name": JSONValue(specification.name),
        "version": JSONValue(loaded?.directory.version ?? directory.version),
        "role": JSONValue(specification.role.name),
        "task": task.map { JSONValue($0.rawValue) } ?? .null,
        "labels": labels.map { JSONValue($0.count) } ?? .null,
        "precision": precision(of: specification).map { JSONValue($0.rawValue) } ?? .null,
      ]
    }
  }
}
