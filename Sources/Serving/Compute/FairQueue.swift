/// What takes turns in a `FairQueue`, as its property.
package struct Turn {
  /// The queue's clock when all that it was given would have been served at its fair share.
  package fileprivate(set) var tag = -Double.infinity
  /// Its share beside another's.
  package var weight = 1.0
  /// Work by which what it was charged was too little.
  fileprivate var owed = 0.0
  /// Work that it was charged since it came.
  fileprivate var served = 0.0
  fileprivate var order: UInt64 = 0
}

/// A member of a `FairQueue`.
package protocol FairMember: AnyObject {
  /// Written by its queue.
  var turn: Turn { get set }
}

/// Gives turns so that the members who have work get equal shares of the time, whatever each asks for at a time.
///
/// Start-time fair queueing (Goyal, Vin and Cheng, 1996) over the clock of an ideal server that serves all of them at once (Demers, Keshav and
/// Shenker, 1989): the clock runs by the work that is done, divided by the weight of those who have work. Who comes new begins
/// at the clock, and so goes before those who have had their share; of equals, who has had less, then who came first. Nobody starves,
/// because the clock overtakes who waits.
package struct FairQueue<Member: FairMember> {
  /// Those who wait, in the order of their turns.
  package private(set) var waiting: [Member] = []
  /// Work that each of those who have some would have been given until now.
  package private(set) var clock = 0.0
  /// Of those who have work, whether it waits or is being done.
  private var weight = 0.0
  private var arrivals: UInt64 = 0

  /// Nobody has work.
  package init() {}

  /// The tag with which somebody would begin now.
  package func tag(_ turn: Turn?) -> Double { max(clock, turn?.tag ?? clock) }

  /// Whether somebody without work would begin as if it had never had any.
  package func isForgotten(_ turn: Turn) -> Bool { turn.tag <= clock }

  /// Somebody has work.
  package mutating func join(_ member: Member) {
    arrivals += 1
    member.turn.tag = tag(member.turn)
    (member.turn.order, member.turn.served) = (arrivals, 0)
    weight += member.turn.weight
    wait(member)
  }

  /// Somebody has no more work; it does not wait any more.
  package mutating func leave(_ member: Member) { weight = max(0, weight - member.turn.weight) }

  /// Waits for a turn.
  package mutating func wait(_ member: Member) {
    var (low, high) = (0, waiting.count)
    // Who comes new mostly goes to the end.
    if let last = waiting.last, !Self.goes(member, before: last) { low = high }
    while low < high {
      let middle = (low + high) / 2
      if Self.goes(member, before: waiting[middle]) { high = middle } else { low = middle + 1 }
    }
    waiting.insert(member, at: low)
  }

  private static func goes(_ member: Member, before other: Member) -> Bool {
    let (own, others) = (member.turn, other.turn)
    return (own.tag, own.served, own.order) < (others.tag, others.served, others.order)
  }

  /// Takes whose turn it is of those who match; nil where nobody waits.
  package mutating func next(where matches: (Member) -> Bool = { _ in true }) -> Member? {
    waiting.firstIndex(where: matches).map { waiting.remove(at: $0) }
  }

  /// Waits no more.
  package mutating func withdraw(_ member: Member) { _ = next { $0 === member } }

  /// Counts work as given to somebody who has its turn.
  package mutating func charge(_ member: Member, _ work: Double) {
    let whole = max(0, work + member.turn.owed)
    member.turn.owed = 0
    member.turn.tag += whole / member.turn.weight
    member.turn.served += whole
    clock += whole / max(weight, member.turn.weight)
  }

  /// Counts work that was more, or less, than it was charged as; it shows at the member's next turn.
  package func correct(_ member: Member, by work: Double) { member.turn.owed += work }
}
