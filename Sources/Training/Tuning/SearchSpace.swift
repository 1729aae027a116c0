import Foundation

/// The values that a search may give one option of `martlet train`.
public struct SearchDimension: Sendable, Equatable {
  /// What it may be.
  public enum Values: Sendable, Equatable {
    /// One of these.
    case choices([String])
    /// Any number between, spread evenly over the logarithm or over the numbers themselves.
    case range(low: Double, high: Double, isLogarithmic: Bool)
  }

  /// The option's name without its dashes, such as `learning-rate`.
  public let option: String
  /// Its values.
  public let values: Values

  /// Reads "1e-4..1e-2" as a range, "16,32,64" as choices. Rates and decays are spread over their
  /// logarithm.
  ///
  /// - Throws: `TrainingError.badOption`.
  public init(option: String, text: String) throws {
    self.option = option
    func bad(_ allowed: String) -> TrainingError {
      .badOption(name: "--\(option)", value: text, allowed: allowed)
    }
    let ends = text.components(separatedBy: "..")
    if ends.count == 2 {
      guard let low = Double(ends[0]), let high = Double(ends[1]), low < high, high.isFinite else {
        throw bad("a range such as 1e-4..1e-2, the smaller end first")
      }
      let isLogarithmic = ["learning-rate", "weight-decay"].contains(option)
      guard !isLogarithmic || low > 0 else { throw bad("a range above 0") }
      values = .range(low: low, high: high, isLogarithmic: isLogarithmic)
      return
    }
    let choices = text.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
      .filter { !$0.isEmpty }
    guard !choices.isEmpty, Set(choices).count == choices.count else {
      throw bad("a range such as 1e-4..1e-2, or different values such as 16,32,64")
    }
    values = .choices(choices)
  }

  /// The value at `share` (from 0 to below 1) of the dimension.
  func value(_ share: Double) -> String {
    switch values {
    case .choices(let choices): choices[min(Int(share * Double(choices.count)), choices.count - 1)]
    case .range(let low, let high, let isLogarithmic):
      String(
        format: "%.4g",
        isLogarithmic ? low * pow(high / low, share) : low + (high - low) * share)
    }
  }

  /// All choices, or `points` values from one end of the range to the other.
  func grid(points: Int) -> [String] {
    switch values {
    case .choices(let choices): choices
    case .range:
      (0..<points).map { value(points == 1 ? 0.5 : Double($0) / Double(points - 1)) }
    }
  }
}

/// All options that a search varies.
public struct SearchSpace: Sendable, Equatable {
  /// In the order in which they vary, the first slowest.
  public var dimensions: [SearchDimension]

  /// A space.
  public init(_ dimensions: [SearchDimension]) { self.dimensions = dimensions }

  /// Every combination, with `points` values of each range.
  public func grid(points: Int) -> [[String: String]] {
    dimensions.reduce([[:]]) { partial, dimension in
      partial.flatMap { start in
        dimension.grid(points: points).map { value in
          start.merging([dimension.option: value]) { $1 }
        }
      }
    }
  }

  /// The values at `shares`, one a dimension.
  public func values(_ shares: [Double]) -> [String: String] {
    Dictionary(
      uniqueKeysWithValues: zip(dimensions, shares).map { ($0.option, $0.value($1)) })
  }
}
