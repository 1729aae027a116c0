import JSON

/// A page of Prometheus' text format 0.0.4.
///
/// The only writer of that format: names get the prefix `martlet_`, values of labels are escaped as bytes, a family stands in
/// one place however often it is added to, and no series stands twice.
public struct PrometheusText: Sendable {
  /// What a family is.
  public enum Kind: String, Sendable {
    /// Only grows.
    case counter
    /// Goes up and down.
    case gauge
    /// Counts up to bounds, with sum and count.
    case histogram
    /// Quantiles, with sum and count.
    case summary
  }

  /// The value of a series.
  public enum Value: Sendable, Equatable, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral {
    /// A count.
    case integer(UInt64)
    /// Any number.
    case number(Double)

    /// A count.
    public init(integerLiteral value: UInt64) { self = .integer(value) }
    /// A number.
    public init(floatLiteral value: Double) { self = .number(value) }

    fileprivate var text: String {
      switch self {
      case .integer(let value): "\(value)"
      case .number(let value):
        value.isNaN
          ? "NaN" : value == .infinity ? "+Inf" : value == -.infinity ? "-Inf" : "\(value)"
      }
    }

    fileprivate func added(_ other: Value) -> Value {
      switch (self, other) {
      case (.integer(let a), .integer(let b)): .integer(a &+ b)
      case (.integer(let a), .number(let b)), (.number(let b), .integer(let a)):
        .number(Double(a) + b)
      case (.number(let a), .number(let b)): .number(a + b)
      }
    }
  }

  /// One series of a family.
  public struct Sample: Sendable {
    fileprivate let suffix: String
    fileprivate let labels: [(name: String, value: String)]
    fileprivate let value: Value

    /// - Parameters:
    ///   - suffix: what stands behind the family's name, such as `_bucket`.
    ///   - labels: names and values; values may have any bytes.
    public init(_ labels: KeyValuePairs<String, String> = [:], _ value: Value, suffix: String = "")
    {
      self.init(labels.map { ($0.key, $0.value) }, value, suffix: suffix)
    }

    /// A series with labels that were made before.
    public init(_ labels: [(name: String, value: String)], _ value: Value, suffix: String = "") {
      (self.suffix, self.labels, self.value) = (suffix, labels, value)
    }
  }

  private struct Family: Sendable {
    var head: String
    var kind: Kind
    var series: [(name: ExactString, value: Value)] = []
  }

  private var families: [Family] = []
  private var placeOfFamily: [String: Int] = [:]
  private var placeOfSeries: [ExactString: (family: Int, series: Int)] = [:]

  /// An empty page.
  public init() {}

  /// Adds series to a family. Of a series that is there already the values add up where they are counts, and the first stays
  /// where they are not.
  /// - Parameters:
  ///   - name: without the prefix `martlet_`.
  ///   - help: one line.
  public mutating func add(_ name: String, _ kind: Kind, _ help: String, _ samples: [Sample]) {
    guard !samples.isEmpty else { return }
    let place = placeOfFamily[name] ?? families.count
    if place == families.count {
      placeOfFamily[name] = place
      families.append(
        Family(
          head: "# HELP martlet_\(name) \(help)\n# TYPE martlet_\(name) \(kind.rawValue)\n",
          kind: kind))
    }
    for sample in samples {
      let series = ExactString("martlet_\(name)\(sample.suffix)\(Self.text(sample.labels))")
      if let old = placeOfSeries[series] {
        guard families[old.family].kind != .gauge else { continue }
        let value = families[old.family].series[old.series].value
        families[old.family].series[old.series].value = value.added(sample.value)
      } else {
        placeOfSeries[series] = (place, families[place].series.count)
        families[place].series.append((series, sample.value))
      }
    }
  }

  /// Adds a family of one series without labels.
  public mutating func add(_ name: String, _ kind: Kind, _ help: String, _ value: Value) {
    add(name, kind, help, [Sample([:], value)])
  }

  /// The page.
  public var text: String {
    families.map { family in
      family.head + family.series.map { "\($0.name.text) \($0.value.text)\n" }.joined()
    }.joined()
  }

  private static func text(_ labels: [(name: String, value: String)]) -> String {
    if labels.isEmpty { return "" }
    return "{" + labels.map { "\($0.name)=\"\(escaped($0.value))\"" }.joined(separator: ",") + "}"
  }

  /// By bytes: to Swift `\r\n`, and a quotation mark with an accent upon it, are characters of their own.
  private static func escaped(_ value: String) -> String {
    var bytes: [UInt8] = []
    for byte in value.utf8 {
      switch byte {
      case UInt8(ascii: "\\"), UInt8(ascii: "\""): bytes += [UInt8(ascii: "\\"), byte]
      case UInt8(ascii: "\n"): bytes += [UInt8(ascii: "\\"), UInt8(ascii: "n")]
      default: bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
