import Foundation

/// One direction of a chart: the range of its values and where its ticks stand.
public struct Axis {
  let isLogarithmic: Bool
  package let low: Double
  package let high: Double
  package let ticks: [Double]

  /// Sizes beyond which sums and quotients of values leave what a double holds.
  private static let drawable = 1e-300...1e300

  private static func isDrawable(_ value: Double, isLogarithmic: Bool) -> Bool {
    isLogarithmic ? drawable.contains(value) : abs(value) <= drawable.upperBound
  }

  /// An axis over all `values` that can be drawn (on a logarithmic one, those above 0). `fromZero` takes 0 in.
  package init(_ values: [Double], isLogarithmic: Bool, fromZero: Bool = false) {
    let finite = values.filter { Self.isDrawable($0, isLogarithmic: isLogarithmic) }
    var (low, high) = (finite.min() ?? 0, finite.max() ?? 1)
    if fromZero && !isLogarithmic { (low, high) = (min(low, 0), max(high, 0)) }
    self.isLogarithmic = isLogarithmic
    if isLogarithmic {
      if finite.isEmpty { (low, high) = (1, 10) }
      if high / low < 1.5 { (low, high) = (low / 1.3, high * 1.3) }
      let decades =
        Int(log10(low).rounded(.up))...max(Int(log10(low).rounded(.up)), Int(log10(high)))
      let step = max(1, decades.count / 8)
      var ticks = Swift.stride(from: decades.lowerBound, through: decades.upperBound, by: step)
        .map { pow(10, Double($0)) }.filter { $0 >= low * 0.999 && $0 <= high * 1.001 }
      if ticks.count < 2 {
        let first = Int(log10(low).rounded(.down))
        ticks = (first...first + 2).flatMap { d in [1, 2, 5].map { $0 * pow(10, Double(d)) } }
          .filter { $0 >= low * 0.999 && $0 <= high * 1.001 }
      }
      (self.low, self.high, self.ticks) = (low, high, ticks)
      return
    }
    if high - low <= max(abs(high) * 1e-12, Self.drawable.lowerBound) {
      let margin = max(0.5, abs(high) * 1e-3)
      (low, high) = (low - margin, high + margin)
    }
    let step = Self.roundStep((high - low) / 5)
    let first = (low / step).rounded(.down) * step
    let last = (high / step - 1e-9).rounded(.up) * step
    (self.low, self.high) = (first, last)
    ticks = (0...Int(((last - first) / step).rounded())).map { first + Double($0) * step }
  }

  private static func roundStep(_ rough: Double) -> Double {
    let power = pow(10, log10(rough).rounded(.down))
    let factor = [1.0, 2, 2.5, 5, 10].first { $0 * power >= rough * 0.999 } ?? 10
    return factor * power
  }

  /// Where `value` lies, from 0 at the low end to 1 at the high one; nil where it cannot.
  package func share(_ value: Double) -> Double? {
    guard Self.isDrawable(value, isLogarithmic: isLogarithmic) else { return nil }
    return isLogarithmic
      ? (log(value) - log(low)) / (log(high) - log(low)) : (value - low) / (high - low)
  }

  /// A number as a tick says it.
  public static func label(_ value: Double) -> String {
    if value == 0 { return "0" }
    let size = abs(value)
    if size >= 1e5 || size < 1e-3 {
      let text = String(format: "%.3g", value)
      let parts = text.split(separator: "e")
      guard parts.count == 2, let exponent = Int(parts[1]) else { return text }
      return "\(parts[0])e\(exponent)"
    }
    return String(format: "%.4g", value)
  }
}
