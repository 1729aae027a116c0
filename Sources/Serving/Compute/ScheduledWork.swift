import HTTP

/// Who shares the worker's time with others: a token where there are tokens, else an address. A network of IPv6 (its first 64
/// bits) is one client, because whoever has one has all its addresses.
package enum Client: Hashable, Sendable {
  /// The token with this counter.
  case token(Int)
  /// Whoever has this address.
  case peer(Peer)
}

/// The texts of one request's job, as a schedule sees them: numbers of tokens, to be given out in slices.
///
/// What it holds is its schedule's to read and write, under its owner's lock.
package final class ScheduledWork<Payload: Sendable>: FairMember, @unchecked Sendable {
  /// What the texts are.
  package let payload: Payload
  /// Whose it is.
  package let client: Client
  /// The client's share beside others'.
  package let weight: Double
  /// What computes it.
  package let trunk: ServedTrunk
  /// All texts.
  package let textCount: Int
  /// Monotonic nanoseconds after which nobody waits for the answer.
  package let deadline: Int64

  /// Its turns among its client's works.
  package var turn = Turn()
  private let textEstimate: @Sendable (Int) -> Int
  /// Texts that were not given out yet, and those that were and came back uncomputed.
  private var fresh: Range<Int>
  private var returned: [Range<Int>] = []
  /// Texts that are being computed, here or elsewhere.
  package private(set) var underWay = 0
  /// Whether nobody wants the rest: it is answered, refused or cancelled.
  package var isOver = false
  /// Tokens of what waits, as its bytes suggest.
  package private(set) var restEstimate = 0
  /// Nanoseconds that what waits will take.
  package var rest: Int64 = 0
  /// Nanoseconds that its next slice will take.
  package var front: Int64 = 0
  /// Whether it is counted among those that wait.
  package var isWaiting = false

  /// Texts of which none is given out yet; `textEstimate` is the tokens of each, as its bytes suggest, `tokenEstimate` those of all.
  package init(
    _ payload: Payload, client: Client, weight: Double = 1, trunk: ServedTrunk, textCount: Int,
    deadline: Int64,
    tokenEstimate: Int, of textEstimate: @escaping @Sendable (Int) -> Int
  ) {
    (self.payload, self.textEstimate) = (payload, textEstimate)
    (self.client, self.weight, self.trunk) = (client, weight, trunk)
    (self.textCount, self.deadline) = (textCount, deadline)
    fresh = 0..<textCount
    restEstimate = tokenEstimate
  }

  /// Tokens of a text, as its bytes suggest.
  package func tokenEstimate(of text: Int) -> Int { textEstimate(text) }

  /// Texts that wait.
  package var waitingTexts: Int { returned.reduce(fresh.count) { $0 + $1.count } }
  /// Texts that were computed.
  package var done: Int { textCount - waitingTexts - underWay }
  /// Those of the texts that wait which are given out next: what came back goes first.
  package var next: Range<Int> { returned.last ?? fresh }

  /// Gives out the first of `next`, of so many tokens.
  package func give(_ count: Int, estimate: Int) -> Range<Int> {
    let texts = next.prefix(count)
    if let last = returned.indices.last {
      returned[last] = next.dropFirst(count)
      if returned[last].isEmpty { returned.removeLast() }
    } else {
      fresh = next.dropFirst(count)
    }
    underWay += texts.count
    restEstimate -= estimate
    return texts
  }

  /// Takes back texts that were given out and not computed.
  package func takeBack(_ texts: Range<Int>, estimate: Int) {
    if texts.isEmpty { return }
    underWay -= texts.count
    restEstimate += estimate
    if returned.isEmpty && texts.upperBound == fresh.lowerBound {
      fresh = texts.lowerBound..<fresh.upperBound
    } else {
      returned.append(texts)
    }
  }

  /// Notes that texts which were given out are computed.
  package func finish(_ texts: Range<Int>) { underWay -= texts.count }
}
