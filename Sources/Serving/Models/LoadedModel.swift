import Foundation
import Transformer

/// One version of one model as the arbiter loads it: its workers inherit the weights.
struct LoadedModel {
  let specification: ModelSpecification
  let directory: ModelVersionDirectory
  let model: TextModel
  let isDefault: Bool
  let counterIndex: Int

  /// Loads every specified model, and checks that they go together. What is the same in their files is in memory once.
  ///
  /// - Parameters:
  ///   - defaultName: the model that answers where none is named; nil for the first.
  ///   - precision: what the layers are computed in.
  /// - Throws: `ServingError`, or what a model's files have wrong with them.
  static func load(
    _ specifications: [ModelSpecification], defaultName: String?, precision: Precision,
    registry: inout VersionRegistry
  ) throws -> [LoadedModel] {
    let primaries = specifications.filter { $0.role == .primary }.map(\.name)
    let defaultName = defaultName ?? primaries.first
    if let defaultName, !primaries.contains(defaultName) {
      throw ServingError.badOption(
        name: "--default-model", value: defaultName,
        mend: "use one of: \(primaries.joined(separator: ", "))")
    }
    let trunks = try SharedTrunks(precision: precision)
    let loaded = try specifications.map { specification in
      let directory = ModelVersionDirectory(specification.directory)
      let model = try TextModel.load(directory: directory.path, sharing: trunks)
      return LoadedModel(
        specification: specification, directory: directory,
        // A shadow has a thread of its own, and so its own workspace.
        model: specification.role == .shadow ? model.sibling() : model,
        isDefault: specification.name == defaultName && specification.role != .shadow,
        counterIndex: registry.index(
          model: specification.name, version: directory.version,
          role: specification.role.name))
    }
    // The check that workers would fail at.
    _ = try ModelCatalog(loaded.map(\.served))
    return loaded
  }

  /// The version as a worker serves it.
  var served: ServedVersion {
    ServedVersion(
      model, name: specification.name, version: directory.version, role: specification.role,
      isDefault: isDefault, counterIndex: counterIndex, aliases: specification.aliases)
  }
}
