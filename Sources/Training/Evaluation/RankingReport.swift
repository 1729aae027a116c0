import Foundation
import JSON

/// How well scores put the texts of each query in order.
public struct RankingReport: Sendable, Equatable, Codable {
  /// Queries with at least one text that answers it and one that does not.
  public let queries: Int
  /// Pairs of query and text.
  public let pairs: Int
  /// Mean of the discounted gain of the first ten, by that of the best order (Järvelin and Kekäläinen, 2002, with the relevance
  /// itself as gain); nil where there is no such query.
  public let ndcg10: Double?
  /// Mean of one over the place of the first text that answers, 0 beyond ten; nil where there is no such query.
  public let mrr10: Double?

  /// A query's texts: its number, how relevant each is, from 0 to 1, and the model's score.
  public typealias Pair = (query: Int, relevance: Double, score: Double)

  /// Texts count as answers from a relevance of 0.5 on. Of equal scores the less relevant stands first, so that a model that tells
  /// nothing gains nothing by the order of the rows.
  public init(_ pairs: [Pair]) {
    self.pairs = pairs.count
    var (ndcg, mrr, count) = (0.0, 0.0, 0)
    for group in Dictionary(grouping: pairs, by: \.query).sorted(by: { $0.key < $1.key }) {
      let texts = group.value
      guard texts.contains(where: { $0.relevance >= 0.5 }),
        texts.contains(where: { $0.relevance < 0.5 })
      else { continue }
      let ranked = texts.sorted { ($1.score, $0.relevance) < ($0.score, $1.relevance) }
      let best = texts.map(\.relevance).sorted(by: >)
      ndcg += Self.gain(ranked.map(\.relevance)) / Self.gain(best)
      if let first = ranked.prefix(10).firstIndex(where: { $0.relevance >= 0.5 }) {
        mrr += 1 / Double(first + 1)
      }
      count += 1
    }
    queries = count
    ndcg10 = count > 0 ? ndcg / Double(count) : nil
    mrr10 = count > 0 ? mrr / Double(count) : nil
  }

  private static func gain(_ relevances: [Double]) -> Double {
    relevances.prefix(10).enumerated().reduce(0) { $0 + $1.element / log2(Double($1.offset + 2)) }
  }

  /// All figures as one JSON object; null where one is not defined.
  public var json: JSONValue {
    [
      "rows": JSONValue(pairs), "queries": JSONValue(queries),
      "ndcg_at_10": ClassificationReport.json(ndcg10),
      "mrr_at_10": ClassificationReport.json(mrr10),
    ]
  }

  /// The figures for a terminal.
  public var text: String {
    "\(pairs) pairs of \(queries) queries   NDCG@10 \(ClassificationReport.text(ndcg10))   "
      + "MRR@10 \(ClassificationReport.text(mrr10))"
  }
}
