import JSON
import Tensor

extension ConfigReader {
  /// How queries and keys turn, from `rope_parameters` (transformers 5) or from `rope_theta` and `rope_scaling`.
  ///
  /// - Parameters:
  ///   - theta: the base where the file names none.
  ///   - kind: the member of `rope_parameters` for layers of this kind, where layers differ.
  ///   - thetaKey: where older files keep this kind's base.
  func rotary(
    headSize: Int, theta: Double, kind: String? = nil, thetaKey: String = "rope_theta"
  ) throws -> RotaryShape {
    var json = self.json["rope_parameters"] ?? .null
    if let kind, let part = json[kind] { json = part }
    var shape = RotaryShape(pairing: .halves)
    let key = json["rope_theta"] == nil ? thetaKey : "rope_theta"
    let reader = ConfigReader(json: json["rope_theta"] == nil ? self.json : json, path: path)
    shape.base = try reader.positive(key, theta)
    let share = try (json.isNull ? self : ConfigReader(json: json, path: path))
      .positive("partial_rotary_factor", 1, below: 1.000001)
    let width = Int(Double(headSize) * share) / 2 * 2
    guard width > 0 else {
      throw ModelError.badConfiguration(
        path: path, key: "partial_rotary_factor", problem: "leaves nothing to turn")
    }
    if width != headSize { shape.width = width }
    let scaling = json["rope_type"] == nil ? self.json["rope_scaling"] ?? json : json
    shape.scaling = try ConfigReader(json: scaling, path: path)
      .scaling(trained: try count("max_position_embeddings", 0))
    return shape
  }

  /// The scaling that a `rope_scaling` or `rope_parameters` object names.
  private func scaling(trained longest: Int) throws -> RotaryScaling {
    let name = json["rope_type"]?.stringValue ?? json["type"]?.stringValue ?? "default"
    let trained = try count("original_max_position_embeddings", longest)
    switch name {
    case "default": return .none
    case "linear": return .linear(factor: try positive("factor", 1))
    case "ntk":
      return .ntk(factor: try positive("factor", 1), exponent: json["mixed_b"]?.doubleValue)
    case "dynamic": return .dynamic(factor: try positive("factor", 1), trained: longest)
    case "yarn":
      var yarn = RotaryScaling.YaRN(
        factor: try positive("factor", 1), trained: trained,
        attentionFactor: json["attention_factor"]?.doubleValue)
      (yarn.fast, yarn.slow) = (try positive("beta_fast", 32), try positive("beta_slow", 1))
      yarn.rounds = try flag("truncate", true)
      return .yarn(yarn)
    case "llama3":
      return .llama3(
        factor: try positive("factor", 8), lowFrequency: try positive("low_freq_factor", 1),
        highFrequency: try positive("high_freq_factor", 4), trained: trained)
    default:
      throw ModelError.unsupported(
        path: path, what: "rope_type \"\(name.prefix(100))\"",
        supported: "default, linear, ntk, dynamic, yarn, llama3")
    }
  }
}
