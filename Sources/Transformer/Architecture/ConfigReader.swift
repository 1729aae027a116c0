import JSON
import Tensor

/// Reads values out of a `config.json`, each within its bounds; errors name file and key.
struct ConfigReader {
  /// The file's content.
  let json: JSONValue
  /// As messages name the file.
  let path: String

  /// Widths and counts; products of two of them stay far from overflow.
  static let largestSize = 4_000_000
  /// More heads than any encoder has.
  static let mostHeads = 1 << 16
  /// More blocks than any encoder has.
  static let mostBlocks = 1024

  /// The `model_type`.
  var modelType: String { json["model_type"]?.stringValue ?? "" }

  func string(_ key: String) throws -> String {
    guard let value = json[key]?.stringValue else {
      throw ModelError.badConfiguration(path: path, key: key, problem: "is missing or no string")
    }
    return value
  }

  /// A size from 1 up to `largest`.
  func size(_ key: String, upTo largest: Int = largestSize) throws -> Int {
    guard let value = json[key]?.intValue, (1...largest).contains(value) else {
      throw ModelError.badConfiguration(
        path: path, key: key, problem: "is missing or not from 1 to \(largest)")
    }
    return value
  }

  /// The number of blocks.
  func blocks(_ key: String) throws -> Int { try size(key, upTo: Self.mostBlocks) }

  /// A number from 0 on, of the same bound as a size; null counts as missing.
  func count(_ key: String, _ fallback: Int) throws -> Int {
    guard let json = json[key], !json.isNull else { return fallback }
    guard let value = json.intValue, (0...Self.largestSize).contains(value) else {
      throw ModelError.badConfiguration(
        path: path, key: key, problem: "is not from 0 to \(Self.largestSize)")
    }
    return value
  }

  /// The number of heads, which must divide `width`.
  func heads(_ key: String, dividing width: Int) throws -> Int {
    let heads = try size(key, upTo: Self.mostHeads)
    guard width % heads == 0 else {
      throw ModelError.badConfiguration(
        path: path, key: key, problem: "(\(heads)) does not divide the width \(width)")
    }
    return heads
  }

  /// A share below 1; `fallback` for anything else, since it only matters in training.
  func share(_ key: String, _ fallback: Float) -> Float {
    guard let value = json[key]?.doubleValue, value >= 0, value < 1 else { return fallback }
    return Float(value)
  }

  /// The ε of a norm.
  func epsilon(_ key: String, _ fallback: Float = 1e-12) throws -> Float {
    guard let json = json[key] else { return fallback }
    // As a float, since what is tiny as a double may be 0 there.
    guard let value = json.doubleValue.map({ Float($0) }), value > 0, value < 1 else {
      throw ModelError.badConfiguration(
        path: path, key: key, problem: "is not a number between 0 and 1")
    }
    return value
  }

  /// The name of something; nil where `key` is missing or null.
  ///
  /// - Throws: `ModelError.badConfiguration` for anything but a string.
  func name(_ key: String) throws -> String? {
    guard let json = json[key], !json.isNull else { return nil }
    guard let name = json.stringValue else {
      throw ModelError.badConfiguration(path: path, key: key, problem: "is not a name")
    }
    return name
  }

  /// An activation by the name that `transformers` gives it.
  func activation(_ key: String, _ fallback: String = "gelu") throws -> Activation {
    let name = try name(key) ?? fallback
    guard let activation = Activation(named: name), activation != .none else {
      let known = Activation.allCases.filter { $0 != .none }.map(\.rawValue)
      throw ModelError.unsupported(
        path: path, what: "\(key) \"\(name.prefix(100))\"",
        supported: known.joined(separator: ", "))
    }
    return activation
  }

  /// A number above 0 and below `limit`.
  func positive(_ key: String, _ fallback: Double, below limit: Double = 1e12) throws -> Double {
    guard let json = json[key], !json.isNull else { return fallback }
    guard let value = json.doubleValue, value > 0, value < limit else {
      throw ModelError.badConfiguration(
        path: path, key: key, problem: "is not a number above 0 and below \(limit)")
    }
    return value
  }

  /// Whether `key` is true; `fallback` where it is missing or null.
  ///
  /// - Throws: `ModelError.badConfiguration` for anything but true and false.
  func flag(_ key: String, _ fallback: Bool) throws -> Bool {
    guard let json = json[key], !json.isNull else { return fallback }
    guard let value = json.boolValue else {
      throw ModelError.badConfiguration(path: path, key: key, problem: "is not true or false")
    }
    return value
  }

  /// Refuses `key` where it has another value than `values` or none.
  func require(_ key: String, oneOf values: [String]) throws {
    if let value = json[key]?.stringValue, !values.contains(value) {
      throw ModelError.unsupported(
        path: path, what: "\(key) \"\(value.prefix(100))\"",
        supported: values.joined(separator: ", "))
    }
  }

  /// Refuses what no family here computes.
  func refuseVariants() throws {
    for key in ["is_decoder", "add_cross_attention"] where json[key]?.boolValue == true {
      throw ModelError.unsupported(path: path, what: key, supported: "encoders")
    }
    if let pruned = json["pruned_heads"]?.objectValue, !pruned.isEmpty {
      throw ModelError.unsupported(
        path: path, what: "pruned_heads", supported: "layers with all their heads")
    }
  }

  /// The encoding that `martlet train` wrote; `stored` where it says nothing.
  func positionalEncoding(_ stored: PositionalEncoding) throws -> PositionalEncoding {
    guard let name = json["martlet_positional_encoding"]?.stringValue else { return stored }
    guard let encoding = PositionalEncoding(rawValue: name) else {
      throw ModelError.unsupported(
        path: path, what: "martlet_positional_encoding \"\(name.prefix(100))\"",
        supported: PositionalEncoding.allCases.map(\.rawValue).joined(separator: ", "))
    }
    return encoding
  }
}
