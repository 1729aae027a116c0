import Prefork

/// The slices of this worker that others may compute, or compute already.
///
/// A slice is offered only where a worker is idle. What has come back without an answer is this worker's own, and is never offered
/// again: it may be why the other ended. Guarded by the compute queue's lock.
struct SharedSlices {
  private struct Entry {
    let slice: Slice<ComputeWork>
    let offer: SliceDesk.Offer
    let time: Int64
  }

  /// What has become of a slice that another worker had.
  enum Outcome {
    case answered(Slice<ComputeWork>, SliceAnswer)
    /// The worker crashed or hung over it.
    case fatal(Slice<ComputeWork>)
  }

  private let desk: SliceDesk
  private let places: [ObjectIdentifier: Int]
  private var entries: [Entry] = []
  /// Slices that this worker computes itself, first.
  private var own: [Slice<ComputeWork>] = []
  /// Until when slices of a version stay here, because one of its answers did not fit a slot.
  private var kept: [ObjectIdentifier: Int64] = [:]

  /// - Parameter versions: those of the catalog in their order, which all workers of a generation have alike.
  init(_ desk: SliceDesk, versions: [ServedVersion]) {
    self.desk = desk
    places = Dictionary(
      versions.enumerated().map { (ObjectIdentifier($1), $0) },
      uniquingKeysWith: { first, _ in first })
  }

  /// Whether something has come back that this worker has to compute.
  var hasOwn: Bool { !own.isEmpty }
  /// Whether other workers have something.
  var isShared: Bool { !entries.isEmpty }

  /// Offers a slice; where it cannot be, it is this worker's own, and false is returned.
  mutating func offer(_ slice: Slice<ComputeWork>, at time: Int64) -> Bool {
    guard let question = question(slice, at: time), let offer = desk.offer(question) else {
      own.append(slice)
      return false
    }
    if slice.work.payload.start == 0 { slice.work.payload.start = time }
    entries.append(Entry(slice: slice, offer: offer, time: time))
    return true
  }

  /// A slice as bytes; nil where it, or its answer, may be larger than what workers exchange.
  private func question(_ slice: Slice<ComputeWork>, at time: Int64) -> [UInt8]? {
    let job = slice.work.payload.job
    let versions = job.asked.map(\.version)
    if versions.contains(where: { kept[ObjectIdentifier($0), default: 0] > time }) { return nil }
    let own = versions.compactMap { places[ObjectIdentifier($0)] }
    let inputs = Array(job.inputs[slice.texts])
    guard own.count == versions.count,
      SliceAnswer.size(of: inputs, by: versions) <= SliceExchange.capacity
    else { return nil }
    let bytes = SliceQuestion(versions: own, inputs: inputs).bytes
    return bytes.count <= SliceExchange.capacity ? bytes : nil
  }

  /// Looks what has become of all that was offered. What a worker has that has stopped is taken back.
  mutating func collect(at time: Int64) -> [Outcome] {
    var outcomes: [Outcome] = []
    var waiting: [Entry] = []
    for entry in entries {
      switch desk.progress(of: entry.offer) {
      case .open: waiting.append(entry)
      case .taken(let taker):
        if desk.isSilent(taker) && desk.reclaim(entry.offer) {
          own.append(entry.slice)
        } else {
          waiting.append(entry)
        }
      case .answered(let bytes):
        if let answer = SliceAnswer(bytes), answer.results.count == entry.slice.texts.count {
          outcomes.append(.answered(entry.slice, answer))
        } else {
          own.append(entry.slice)
        }
      case .unanswered: own.append(entry.slice)
      case .declined:
        own.append(entry.slice)
        for asked in entry.slice.work.payload.job.asked {
          kept[ObjectIdentifier(asked.version)] = time + 1_000_000_000
        }
      case .fatal: outcomes.append(.fatal(entry.slice))
      }
    }
    entries = waiting
    return outcomes
  }

  /// The slice that this worker has to compute before what its schedule has: one that came back, or one that nobody has taken since
  /// `time`.
  mutating func next(offeredBefore time: Int64) -> Slice<ComputeWork>? {
    if !own.isEmpty { return own.removeFirst() }
    for (index, entry) in entries.enumerated() where entry.time <= time {
      guard desk.withdraw(entry.offer) else { continue }
      entries.remove(at: index)
      return entry.slice
    }
    return nil
  }
}
