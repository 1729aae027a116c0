import Foundation

/// How the angles of rotary positions are changed for texts longer than a model was trained on, by the names
/// that `rope_scaling` of config.json has.
public enum RotaryScaling: Sendable, Equatable {
  /// They are not.
  case none
  /// `linear`: places are `factor` times as close (Chen et al., 2023).
  case linear(factor: Double)
  /// `ntk`: the base grows by `factor` and all angles shrink by factor^(2 / width); with `exponent` b
  /// (`mixed_b`) angle i shrinks by exp(ln(factor) · (2i / width)^b) for i from 1 instead, as GTE's code has it
  /// (Su, 2023, kexue.fm/archives/9706).
  case ntk(factor: Double, exponent: Double? = nil)
  /// `dynamic`: for texts of more than `trained` tokens the base grows with the text's length.
  case dynamic(factor: Double, trained: Int)
  /// `yarn` (Peng et al., 2023, section 3).
  case yarn(YaRN)
  /// `llama3`: angles with wavelengths beyond trained / lowFrequency shrink by `factor`, those below
  /// trained / highFrequency stay, and between them both are mixed.
  case llama3(factor: Double, lowFrequency: Double, highFrequency: Double, trained: Int)

  /// The numbers of `yarn`.
  public struct YaRN: Sendable, Equatable {
    /// How many times longer texts become.
    public var factor: Double
    /// Tokens of the longest text in training.
    public var trained: Int
    /// Multiplies queries and keys; 0.1 · ln(factor) + 1 without.
    public var attentionFactor: Double?
    /// Pairs that turn at least so often over `trained` tokens keep their angles.
    public var fast = 32.0
    /// Pairs that turn at most so often shrink by `factor`.
    public var slow = 1.0
    /// Whether the two bounds are rounded to whole pairs, outwards.
    public var rounds = true

    /// The defaults of the paper but for what is given.
    public init(factor: Double, trained: Int, attentionFactor: Double? = nil) {
      (self.factor, self.trained, self.attentionFactor) = (factor, trained, attentionFactor)
    }
  }

  /// Radians that each of `width` / 2 pairs turns from one place to the next, in a text of `length` tokens.
  public func frequencies(base: Double, width: Int, length: Int) -> [Double] {
    func plain(_ base: Double) -> [Double] {
      (0..<width / 2).map { pow(base, -Double(2 * $0) / Double(width)) }
    }
    let size = Double(width)
    switch self {
    case .none: return plain(base)
    case .linear(let factor): return plain(base).map { $0 / factor }
    case .ntk(let factor, nil):
      return plain(base * factor).map { $0 / pow(factor, 2 / size) }
    case .ntk(let factor, let exponent?):
      return plain(base).enumerated().map { pair, frequency in
        frequency / exp(log(factor) * pow(Double(pair + 1) / (size / 2), exponent))
      }
    case .dynamic(let factor, let trained):
      guard length > trained, width > 2 else { return plain(base) }
      let growth = factor * Double(length) / Double(trained) - (factor - 1)
      return plain(base * pow(growth, size / (size - 2)))
    case .yarn(let yarn): return yarn.mixed(plain(base), base: base, width: size)
    case .llama3(let factor, let low, let high, let trained):
      return plain(base).map { frequency in
        let turns = Double(trained) * frequency / (2 * Double.pi)
        let share = min(max((turns - low) / (high - low), 0), 1)
        return (1 - share) * frequency / factor + share * frequency
      }
    }
  }

  /// Multiplies the turned queries and keys.
  public var amplitude: Double {
    guard case .yarn(let yarn) = self else { return 1 }
    return yarn.attentionFactor ?? (yarn.factor > 1 ? 0.1 * log(yarn.factor) + 1 : 1)
  }

  /// Texts of at most so many tokens have the same angles; nil for all.
  var trainedLength: Int? {
    guard case .dynamic(_, let trained) = self else { return nil }
    return trained
  }
}

extension RotaryScaling.YaRN {
  fileprivate func mixed(_ plain: [Double], base: Double, width: Double) -> [Double] {
    /// The pair, as a fraction, that turns `rotations` times over `trained` tokens.
    func pair(_ rotations: Double) -> Double {
      width * log(Double(trained) / (rotations * 2 * Double.pi)) / (2 * log(base))
    }
    let first = max(rounds ? pair(fast).rounded(.down) : pair(fast), 0)
    let last = min(rounds ? pair(slow).rounded(.up) : pair(slow), width - 1)
    let span = last == first ? 0.001 : last - first
    return plain.enumerated().map { index, frequency in
      let ramp = min(max((Double(index) - first) / span, 0), 1)
      return frequency / factor * ramp + frequency * (1 - ramp)
    }
  }
}
