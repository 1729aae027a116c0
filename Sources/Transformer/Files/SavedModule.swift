import Foundation
import JSON

/// A module of a model as sentence-transformers saves it: a class and a folder.
struct SavedModule {
  /// The modules of a model, one behind the other.
  struct List {
    /// The file that lists them.
    let path: String
    /// In order.
    let all: [SavedModule]
    /// Of a `Router`: the folder with a weight for each token of queries.
    var queryWeights: String?
  }

  /// The class, without what stands before it.
  let kind: String
  /// The folder, as it is opened.
  let folder: String
  /// The folder from the model's on.
  let relative: String

  private static let mostModules = 64

  /// The modules that `modules.json` lists in `directory`, or of a `Router` those for documents; nil where there is no such file.
  ///
  /// - Throws: `ModelError` naming the file.
  static func list(_ directory: String) throws -> List? {
    let path = directory + "/modules.json"
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    guard let modules = try json(path).arrayValue, !modules.isEmpty, modules.count <= mostModules
    else {
      throw ModelError.badConfiguration(path: path, key: "", problem: "is no list of modules")
    }
    let list = try modules.map { module in
      let folder = try safe(module["path"]?.stringValue ?? "", key: "path", path: path)
      return SavedModule(
        type: module["type"]?.stringValue ?? "", directory: directory, relative: folder)
    }
    guard let router = list.first, ["Router", "Asym"].contains(router.kind) else {
      return List(path: path, all: list)
    }
    return try router.routed(directory, rest: Array(list.dropFirst()))
  }

  private init(type: String, directory: String, relative: String) {
    kind = type.split(separator: ".").last.map(String.init) ?? ""
    self.relative = relative
    folder = relative.isEmpty ? directory : "\(directory)/\(relative)"
  }

  /// What a `Router` sends documents through; queries may go through the same, or have a weight for each token.
  private func routed(_ directory: String, rest: [SavedModule]) throws -> List {
    let path = folder + "/router_config.json"
    let json = try Self.json(path)
    func route(_ name: String) throws -> [SavedModule] {
      let names = json["structure"]?[name]?.arrayValue?.compactMap(\.stringValue) ?? []
      guard !names.isEmpty, names.count <= Self.mostModules else {
        throw ModelError.unsupported(
          path: path, what: "a Router without the route \"\(name)\"",
          supported: "routes for query and document")
      }
      return try names.map { module in
        let own = try Self.safe(module, key: "structure", path: path)
        return SavedModule(
          type: json["types"]?[module]?.stringValue ?? "", directory: directory,
          relative: relative.isEmpty ? own : "\(relative)/\(own)")
      }
    }
    let (queries, documents) = (try route("query"), try route("document"))
    guard queries.count == 1, queries[0].kind == "SparseStaticEmbedding" else {
      throw ModelError.unsupported(
        path: path,
        what: "a Router whose queries go through "
          + queries.map { $0.kind.prefix(60) }.joined(separator: ", "),
        supported: "SparseStaticEmbedding for queries")
    }
    if let name = json["parameters"]?["default_route"]?.stringValue, name != "document" {
      throw ModelError.unsupported(
        path: path, what: "default_route \"\(name.prefix(60))\"", supported: "document")
    }
    return List(path: path, all: documents + rest, queryWeights: queries[0].folder)
  }

  /// The module's settings.
  ///
  /// - Throws: `ModelError` naming the file.
  func settings() throws -> (json: JSONValue, path: String) {
    let path = folder + "/config.json"
    return (try Self.json(path), path)
  }

  /// The module's settings, or none where the file is not there.
  func optionalSettings() throws -> (json: JSONValue, path: String) {
    FileManager.default.fileExists(atPath: folder + "/config.json")
      ? try settings() : (.object([:]), folder + "/config.json")
  }

  /// A file of settings.
  static func json(_ path: String) throws -> JSONValue {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw ModelError.missingFile(path: path, hint: "The model's modules.json asks for it.")
    }
    do {
      return try JSONValue(
        parsing: data, limits: JSONLimits(depth: 32, bytes: 1 << 22, elements: 1 << 16))
    } catch {
      throw ModelError.badConfiguration(
        path: path, key: "", problem: "is not JSON: \(error.localizedDescription)")
    }
  }

  /// A length in tokens; nil where there is none, or one that means none, such as 10^30.
  static func length(_ json: JSONValue, _ key: String, path: String) throws -> Int? {
    guard let value = json[key], !value.isNull else { return nil }
    guard let number = value.doubleValue, number >= 1 else {
      throw ModelError.badConfiguration(path: path, key: key, problem: "is not a number from 1 on")
    }
    return number >= 1e9 ? nil : Int(number)
  }

  /// A folder inside of the model's: one that leads out of it could make the program read any file.
  private static func safe(_ folder: String, key: String, path: String) throws -> String {
    guard !folder.hasPrefix("/"), !folder.split(separator: "/").contains("..") else {
      throw ModelError.badConfiguration(
        path: path, key: key, problem: "\"\(folder.prefix(100))\" leads out of the folder")
    }
    return folder
  }
}
