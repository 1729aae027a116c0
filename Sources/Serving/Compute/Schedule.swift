/// Which texts are computed next: shares a worker's time between clients, and each client's between its requests.
///
/// A client's turn is a slice of one of its requests. Both clients and requests take turns in a `FairQueue`, by the time that they were
/// given, so that a small request overtakes a list, and a list goes on in the gaps. A batch is of one trunk: that of whose turn it
/// is; others of that trunk join while that is worth their wait (`BatchPlan`).
///
/// Knows no clock, no threads and no models.
package struct Schedule<Payload: Sendable> {
  package typealias Work = ScheduledWork<Payload>

  private final class Account: FairMember {
    let id: Client
    var turn = Turn()
    var works = FairQueue<Work>()
    var count = 0
    /// Nanoseconds that what waits will take, and the next slices of it.
    var rest: Int64 = 0
    var front: Int64 = 0

    init(_ id: Client) { self.id = id }
  }

  /// What bounds each batch.
  package let limits: BatchLimits
  private var clients = FairQueue<Account>()
  private var accounts: [Client: Account] = [:]
  /// Requests that are not over.
  package private(set) var workCount = 0
  /// Those of them of which a text waits.
  package private(set) var waitingCount = 0
  /// Texts that wait.
  package private(set) var textCount = 0
  /// Nanoseconds that all that waits will take.
  package private(set) var rest: Int64 = 0
  /// Nanoseconds that the next slice of each request will take.
  package private(set) var front: Int64 = 0

  /// Nothing waits.
  package init(limits: BatchLimits = BatchLimits()) { self.limits = limits }

  /// Adds a request's work.
  package mutating func add(_ work: Work) {
    let account = accounts[work.client] ?? Account(work.client)
    accounts[work.client] = account
    if account.count == 0 { account.turn.weight = work.weight }
    account.count += 1
    workCount += 1
    textCount += work.textCount
    // With all its works under way the client has not waited.
    if account.count == 1 {
      clients.join(account)
    } else if account.works.waiting.isEmpty {
      clients.wait(account)
    }
    account.works.join(work)
    estimate(work, of: account)
  }

  /// Takes the next batch; nothing where nothing waits.
  ///
  /// - Parameters:
  ///   - load: the share of its time that the worker has been busy lately.
  ///   - time: nanoseconds that it may take, where that is less than the limit.
  package mutating func take(load: Double = 0, within time: Int64? = nil) -> [Slice<Payload>] {
    var limits = limits
    limits.time = min(limits.time, time ?? limits.time)
    var slices: [Slice<Payload>] = []
    var plan: BatchPlan?
    var others: [Account] = []
    while let account = clients.next() {
      let trunk = slices.first?.work.trunk
      guard let work = account.works.next(where: { trunk == nil || $0.trunk === trunk }) else {
        others.append(account)
        continue
      }
      var own = plan ?? BatchPlan(limits: limits, time: work.trunk.time, load: load)
      let slice = slice(of: work, account, &own)
      plan = own
      if let slice { slices.append(slice) }
      let isFull = !work.next.isEmpty
      if isFull { account.works.wait(work) }
      if !account.works.waiting.isEmpty { clients.wait(account) }
      if isFull { break }
    }
    for account in others where !account.works.waiting.isEmpty { clients.wait(account) }
    return slices
  }

  /// As many of a work's texts as the batch admits.
  private mutating func slice(
    of work: Work, _ account: Account, _ plan: inout BatchPlan
  ) -> Slice<Payload>? {
    var (count, estimate, charged): (Int, Int, Int64) = (0, 0, 0)
    let next = work.next
    for text in next {
      let own = work.tokenEstimate(of: text)
      let tokens = plan.time.tokens(estimate: own)
      guard plan.admits(tokens, waiting: workCount - plan.completing) else { break }
      charged += plan.add(tokens)
      estimate += own
      count += 1
    }
    if count == 0 { return nil }
    let slice = Slice(work: work, texts: work.give(count, estimate: estimate), charged: charged)
    textCount -= count
    if work.next.isEmpty { plan.completing += 1 }
    // Before anything is measured all are alike.
    let charge = Double(max(1, charged))
    account.works.charge(work, charge)
    clients.charge(account, charge)
    self.estimate(work, of: account)
    return slice
  }

  /// Takes back texts that were given out and not computed. They are the next that their request gives out.
  package mutating func putBack(_ slice: Slice<Payload>) {
    let work = slice.work
    guard !work.isOver, let account = accounts[work.client] else { return }
    let wasWaiting = !work.next.isEmpty
    work.takeBack(slice.texts, estimate: slice.tokenEstimate)
    textCount += slice.texts.count
    correct(slice, account, by: -slice.charged)
    estimate(work, of: account)
    if wasWaiting { return }
    let isAlone = account.works.waiting.isEmpty
    account.works.wait(work)
    if isAlone { clients.wait(account) }
  }

  /// Notes that a slice was computed, in so many nanoseconds.
  package mutating func complete(_ slice: Slice<Payload>, nanoseconds: Int64) {
    let work = slice.work
    guard !work.isOver, let account = accounts[work.client] else { return }
    work.finish(slice.texts)
    correct(slice, account, by: nanoseconds - slice.charged)
    if work.done == work.textCount { remove(work) }
  }

  private func correct(_ slice: Slice<Payload>, _ account: Account, by nanoseconds: Int64) {
    account.works.correct(slice.work, by: Double(nanoseconds))
    clients.correct(account, by: Double(nanoseconds))
  }

  /// Forgets a work, computed or not; what is under way is computed in vain.
  package mutating func remove(_ work: Work) {
    guard !work.isOver, let account = accounts[work.client] else { return }
    work.isOver = true
    textCount -= work.waitingTexts
    workCount -= 1
    account.count -= 1
    account.works.withdraw(work)
    account.works.leave(work)
    set(work, of: account, rest: 0, front: 0)
    if account.works.waiting.isEmpty { clients.withdraw(account) }
    if account.count == 0 { leave(account) }
  }

  private mutating func leave(_ account: Account) {
    account.works = FairQueue()
    clients.leave(account)
    if workCount == 0 {
      // Nobody waits: whoever had more than the others took nothing from them.
      clients = FairQueue()
      accounts.removeAll(keepingCapacity: true)
    } else if clients.isForgotten(account.turn) {
      accounts[account.id] = nil
    } else if accounts.count > 2 * workCount + 64 {
      accounts = accounts.filter { $0.value.count > 0 || !clients.isForgotten($0.value.turn) }
    }
  }

  /// Works of which `isWanted` is false leave; those of them which wait, or of which a part waits, are returned.
  package mutating func removeWaiting(where isUnwanted: (Work) -> Bool) -> [Work] {
    let unwanted = accounts.values.flatMap { $0.works.waiting.filter(isUnwanted) }
    for work in unwanted { remove(work) }
    return unwanted
  }

  // MARK: - Estimates

  private mutating func estimate(_ work: Work, of account: Account) {
    let waiting = work.waitingTexts
    if waiting == 0 { return set(work, of: account, rest: 0, front: 0) }
    let time = work.trunk.time
    let rest = time.nanoseconds(estimate: work.restEstimate)
    set(work, of: account, rest: rest, front: min(rest, max(limits.time, rest / Int64(waiting))))
  }

  private mutating func set(_ work: Work, of account: Account, rest: Int64, front: Int64) {
    account.rest += rest - work.rest
    account.front += front - work.front
    self.rest += rest - work.rest
    self.front += front - work.front
    (work.rest, work.front) = (rest, front)
    let isWaiting = work.waitingTexts > 0 && !work.isOver
    if isWaiting != work.isWaiting { waitingCount += isWaiting ? 1 : -1 }
    work.isWaiting = isWaiting
  }

  /// Nanoseconds until a request that came now would have had `work` nanoseconds of the worker's time: what stands in front of it,
  /// and not all that a list has still to do. With no work, until its turn begins.
  package func wait(of client: Client, weight: Double = 1, work: Int64 = 0) -> Int64 {
    let own = accounts[client]
    var before = own?.front ?? 0
    if let own, work > limits.time {
      // It takes turns with its client's others, each of which has as much meanwhile.
      before = own.works.waiting.reduce(0) { $0 + min($1.rest, max($1.front, work)) }
    }
    let tag = clients.tag(own?.turn) + Double(before + max(0, work - limits.time)) / weight
    var others: Int64 = 0
    for account in accounts.values where account !== own && account.rest > 0 {
      let behind = tag - account.turn.tag
      if behind < 0 { continue }
      others += min(
        account.rest,
        Int64(behind * account.turn.weight) + (account.works.waiting.first?.front ?? 0))
    }
    return before + others + work
  }
}
