import JSON
import Tensor

extension ConfigReader {
  /// A size from 1 up; nil where `key` is missing or null.
  func optionalSize(_ key: String) throws -> Int? {
    guard let json = json[key], !json.isNull else { return nil }
    return try size(key)
  }

  /// Heads, the heads of keys and values, and the width of each, which `head_dim` may say.
  func attentionForm(width: Int, keyValueHeads key: String? = nil) throws -> AttentionForm {
    let heads = try size("num_attention_heads", upTo: Self.mostHeads)
    let headSize: Int
    if let given = try optionalSize("head_dim") {
      headSize = given
    } else {
      headSize = width / (try self.heads("num_attention_heads", dividing: width))
    }
    guard heads <= Self.largestSize / headSize else {
      throw ModelError.badConfiguration(
        path: path, key: "num_attention_heads",
        problem: "(\(heads)) of width \(headSize) each are wider than \(Self.largestSize)")
    }
    guard let key, let pairs = try optionalSize(key) else {
      return AttentionForm(heads: heads, headSize: headSize)
    }
    guard heads % pairs == 0 else {
      throw ModelError.badConfiguration(
        path: path, key: key, problem: "(\(pairs)) does not divide the \(heads) heads")
    }
    return AttentionForm(heads: heads, keyValueHeads: pairs, headSize: headSize)
  }

  /// Tokens that a layer with a window sees: nil where `sliding_window` is null, and where it is missing what `transformers` takes.
  func window() throws -> Int? {
    json["sliding_window"] == nil ? 4096 : try optionalSize("sliding_window")
  }

  /// Which of `count` layers see a window alone, from `layer_types`, or from `fallback` where that is missing.
  func localLayers(_ count: Int, _ fallback: (Int) -> Bool) throws -> [Bool] {
    guard let named = json["layer_types"]?.arrayValue else { return (0..<count).map(fallback) }
    guard named.count == count else {
      throw ModelError.badConfiguration(
        path: path, key: "layer_types", problem: "names \(named.count) of \(count) layers")
    }
    return try named.map { kind in
      switch kind.stringValue {
      case "sliding_attention": return true
      case "full_attention": return false
      default:
        throw ModelError.unsupported(
          path: path, what: "layer_types \"\((kind.stringValue ?? "").prefix(100))\"",
          supported: "full_attention, sliding_attention")
      }
    }
  }
}
