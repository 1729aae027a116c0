import Foundation
import Tensor
import Transformer

/// Trains a model for a task: schedule, optimiser, clipping, averaging, early stopping on validation; sees
/// when the loss goes wrong, returns to the last good state and lowers the rate.
///
/// The same seed, data and options give the same bits at any number of threads, and in a run that
/// was interrupted and resumed.
public final class Trainer {
  let options: TrainingOptions
  let objective: any TrainingObjective
  let kernels: Kernels
  let parameters: ModelParameters
  /// The tensors that learn in some epoch: the end of `parameters`, in its storage. Gradients, the optimiser's state and all
  /// copies have these alone.
  let learned: ModelParameters
  let gradients: ModelParameters
  let optimizer: Optimizer
  let average: FloatBuffer?
  let best: FloatBuffer
  let tape: EncoderTape
  let plan: FreezePlan
  private let initial: FloatBuffer
  private let snapshot: Snapshot?
  private let maskable: (Int32) -> Bool
  private let maskID: Int32
  private let splits: SubwordSplits
  private var schedule = LearningRateSchedule(
    peak: 0, warmupSteps: 0, totalSteps: 1, shape: .constant)
  private var training: [TrainingExample] = []
  /// With a frozen encoder, its states of the training and of the validation rows.
  private var states: (training: FrozenStates, validation: FrozenStates)?
  private var loss: TaskLoss
  private var updates: [TensorUpdate] = []
  var state: RunState
  private var message: String?

  static let snapshotSteps = 50
  private static let mostRollbacks = 12
  /// Steps before which an epoch's end says nothing of the rate.
  private static let fewestSteps = 20
  private static let mostRestarts = 3

  /// Where to keep checkpoints, and how many seconds apart; nil keeps none.
  public var checkpoints: CheckpointStore?
  /// Validation score at which the run is over; nil for none.
  public var target: Double?

  /// Trains `parameters` in place, as a classifier where no objective is given. Tokens for which `maskable` holds may be
  /// replaced by `maskID`, those that have `splits` by their parts.
  package init(
    parameters: ModelParameters, objective: (any TrainingObjective)? = nil,
    options: TrainingOptions, kernels: Kernels, maskID: Int32,
    splits: SubwordSplits = SubwordSplits(), maskable: @escaping (Int32) -> Bool
  ) throws {
    try options.validate()
    self.parameters = parameters
    self.options = options
    let objective = objective ?? ClassificationObjective(labels: parameters.shape.labels)
    (self.objective, loss) = (objective, objective.loss(over: [], options))
    self.kernels = kernels
    self.maskID = maskID
    self.splits = splits
    self.maskable = maskable
    plan = FreezePlan(parameters, options: options)
    learned = parameters.tail(from: plan.first)
    let count = learned.buffer.count
    gradients = learned.over(FloatBuffer(count: count))
    optimizer = Optimizer(learned, options: options.optimizer, kernels: kernels)
    average = options.averageDecay > 0 ? FloatBuffer(count: count) : nil
    average?.copy(from: learned.buffer)
    best = FloatBuffer(count: count)
    best.copy(from: learned.buffer)
    initial = FloatBuffer(count: options.watchesLoss ? count : 0)
    if options.watchesLoss { initial.copy(from: learned.buffer) }
    tape = EncoderTape(parameters: parameters, gradients: gradients, kernels: kernels)
    let generator = SeededGenerator(seed: options.seed &* 0x5851_F42D_4C95_7F2D)
    state = RunState(
      generator: generator, orderGenerator: generator, watch: LossWatch(chance: 1, patience: .max))
    snapshot =
      options.watchesLoss
      ? Snapshot(
        like: [learned.buffer] + optimizer.buffers + (average.map { [$0] } ?? [])) : nil
  }

  /// Everything that a step changes.
  var liveBuffers: [FloatBuffer] {
    [learned.buffer] + optimizer.buffers + (average.map { [$0] } ?? [])
  }

  /// Runs to the end, to early stopping or to `options.stopAfterEpochs`; `report` hears of every step.
  /// A checkpoint of the same data and options is resumed. A batch is at most all rows.
  ///
  /// - Throws: `TrainingError.diverged` when no lower rate helps, `.noFiniteLoss` where nothing was learned or no
  ///   figure of the validation rows is finite; `.badOption` for a warm-up as long as the run; `CheckpointError`.
  public func train(
    _ training: [TrainingExample], validation: [TrainingExample],
    report: (TrainingProgress) -> Void
  ) throws -> TrainingResult {
    self.training = training
    let sampler = BatchSampler(
      lengths: training.map(\.ids.count), batchSize: min(options.batchSize, max(1, training.count)))
    let perEpoch =
      (sampler.batchesPerEpoch + options.accumulation - 1) / options.accumulation
    let total = perEpoch * options.epochs
    try prepare(total: total)
    try resume(validation)
    try keepStates(validation, total: total, report: report)
    let clock = ContinuousClock()
    let start = clock.now
    let earlier = state.seconds
    func seconds() -> Double { earlier + (clock.now - start) / .seconds(1) }
    var lastCheckpoint = clock.now

    while state.epoch <= options.epochs && !isFinished {
      if state.batch == 0 { state.orderGenerator = state.generator }
      var order = state.orderGenerator
      let batches = sampler.epoch(using: &order)
      if state.batch == 0 { state.generator = order }
      updates = plan.updates(epoch: state.epoch)
      while state.batch < batches.count {
        let parts = batches[
          state.batch..<min(state.batch + options.accumulation, batches.count)]
        let rate = schedule.rate(at: state.step) * state.rateScale
        guard try takeStep(Array(parts), learningRate: rate) else { break }
        state.batch += parts.count
        var progress = TrainingProgress(
          step: state.step, totalSteps: total, epoch: state.epoch, loss: state.watch.smoothed,
          learningRate: rate, tokensPerSecond: Double(state.tokens) / seconds(),
          secondsLeft: seconds() / Double(state.step) * Double(total - state.step),
          validation: nil, scoreName: objective.scoreName, isBest: false, message: message)
        message = nil
        if state.batch == batches.count {
          let figures = try evaluate(validation)
          progress.validation = figures
          progress.isBest = look(figures)
          if progress.message == nil { (progress.message, message) = (message, nil) }
        }
        report(progress)
        if let checkpoints, state.batch < batches.count, isAtSnapshot,
          clock.now - lastCheckpoint > .seconds(checkpoints.interval)
        {
          state.seconds = seconds()
          try checkpoints.write(self)
          lastCheckpoint = clock.now
        }
      }
      guard state.batch == batches.count else { continue }
      state.epoch += 1
      state.batch = 0
      if isGuessing || isStuckAtEnd { restart(); continue }
      if let checkpoints {
        state.seconds = seconds()
        takeSnapshot()
        try checkpoints.write(self)
        lastCheckpoint = clock.now
      }
    }
    return try result(seconds: seconds())
  }

  /// Whether patience or the epochs asked for have run out.
  private var isFinished: Bool {
    let done = state.epoch - 1
    if let stop = options.stopAfterEpochs, done >= stop { return true }
    if let target, let best = state.best, best.score >= target { return true }
    let patience = options.patience ?? max(6, options.epochs / 2)
    return patience > 0 && state.lastImprovement > 0 && done - state.lastImprovement >= patience
  }

  private func prepare(total: Int) throws {
    try options.warmup.validate(totalSteps: total)
    let warmupSteps = options.warmup.steps(of: total)
    schedule = LearningRateSchedule(
      peak: options.learningRate, warmupSteps: warmupSteps, totalSteps: total,
      shape: options.schedule, floor: options.scheduleFloor)
    if case .reduceOnPlateau(let reducer) = options.schedule { state.plateau = reducer }
    loss = objective.loss(over: training, options)
    state.watch = LossWatch(chance: loss.chance, patience: max(300, warmupSteps + 200))
    takeSnapshot()
  }

  private func resume(_ validation: [TrainingExample]) throws {
    guard let checkpoints else { return }
    checkpoints.fingerprint = RunFingerprint.of(
      options, parameters, unchanged: plan.first, training, validation)
    if try checkpoints.restore(self) {
      tape.packWeights()
      takeSnapshot()
      message = "resumed behind step \(state.step)"
    }
  }

  // MARK: Steps

  /// One step over the rows of `parts`. False where the run has begun anew.
  private func takeStep(_ parts: [[Int]], learningRate: Double) throws -> Bool {
    state.step += 1
    state.sinceRollback += 1
    let rows = parts.reduce(0) { $0 + $1.count }
    gradients.buffer.zero()
    var loss = 0.0
    var verdict: LossWatch.Verdict?
    for (index, part) in parts.enumerated() {
      let share = Double(part.count) / Double(rows)
      let pass = try forward(part, scale: share)
      loss += share * pass.loss
      if index == parts.count - 1 { verdict = state.watch.observe(loss) }
      if verdict == nil || verdict == .fine || !options.watchesLoss && loss.isFinite {
        tape.backward(pass.gradient, downTo: plan.lowestDepth(epoch: state.epoch))
      }
    }
    state.epochLoss += loss.isFinite ? loss : 0
    state.epochSteps += 1
    state.history.add(step: state.step, loss: loss, learningRate: learningRate)
    return try act(on: verdict ?? .fine, loss: loss, learningRate: learningRate)
  }

  /// Where the encoder stays as it is and sees the same tokens in every epoch, runs it once over all rows.
  private func keepStates(
    _ validation: [TrainingExample], total: Int, report: (TrainingProgress) -> Void
  ) throws {
    guard options.learns == .head, options.wordDropout == 0, options.subwordDropout == 0 else {
      return
    }
    let encoder = Encoder(tape.packedWeights(), kernels: kernels)
    var told = 0
    let all = training.count + validation.count
    let training = try FrozenStates(encoder, training) { rows in
      // Often enough to tell a slow run from a hung one.
      guard rows - told >= max(1000, all / 20) else { return }
      told = rows
      report(
        TrainingProgress(
          step: state.step, totalSteps: total, epoch: state.epoch, loss: state.watch.smoothed,
          learningRate: 0, tokensPerSecond: 0, secondsLeft: 0, validation: nil,
          scoreName: objective.scoreName, isBest: false,
          message: "the frozen encoder has read \(rows) of \(all) rows, once for all epochs"))
    }
    guard let training, let validation = try FrozenStates(encoder, validation) else { return }
    states = (training, validation)
  }

  /// The loss over training rows, and `scale` times the gradient of all that is to be less.
  private func forward(
    _ places: [Int], scale: Double = 1
  ) throws -> (loss: Double, gradient: Matrix) {
    // A pass over both copies at once: dropout and noise differ by place.
    let places = options.consistency > 0 ? places + places : places
    let rows = places.map { training[$0] }
    let logits: Matrix
    if let states {
      state.tokens += rows.reduce(0) { $0 + $1.ids.count }
      logits = tape.forward(
        headStates: states.training[places],
        dropoutSeed: UInt32(truncatingIfNeeded: state.generator.next()))
    } else {
      let batch = try TokenBatch.of(rows.map(disturbed), in: parameters.shape)
      state.tokens += batch.ids.count
      logits = tape.forward(
        batch, dropoutSeed: UInt32(truncatingIfNeeded: state.generator.next()))
    }
    let gradient =
      options.consistency > 0 ? Matrix(rows: logits.rows, columns: logits.columns) : logits
    let loss = self.loss.evaluate(logits, rows, scale, gradient)
    if options.consistency > 0 {
      _ = Consistency.loss(
        logits: logits, scale: scale * options.consistency, gradient: gradient)
    }
    return (loss, gradient)
  }

  private func act(
    on verdict: LossWatch.Verdict, loss: Double, learningRate: Double
  ) throws -> Bool {
    var verdict = verdict
    let norm = kernels.squaredNorm(gradients.buffer).squareRoot()
    if !norm.isFinite { verdict = .notANumber }
    guard options.watchesLoss || verdict == .notANumber else {
      update(learningRate, norm)
      return true
    }
    switch verdict {
    case .fine:
      update(learningRate, norm)
      if isAtSnapshot && state.watch.isHealthy { takeSnapshot() }
      return true
    case .spike(let usual):
      note(
        String(
          format: "the loss of one batch is %.3g where %.3g is usual: its step is left out", loss,
          usual))
      return true
    case .stuck: return restart()
    case .diverged(let best):
      return try rollBack(
        String(format: "the loss rose from %.3g to %.3g", best, state.watch.smoothed),
        learningRate)
    case .notANumber: return try rollBack("the loss is no longer a number", learningRate)
    }
  }

  func beginProbe(_ examples: [TrainingExample]) {
    training = examples
    updates = plan.updates(epoch: options.epochs)
    loss = objective.loss(over: examples, options)
  }

  /// One step over `rows`; a loss that is no number changes nothing.
  func probeStep(_ rows: [Int], learningRate: Double) throws -> Double {
    state.step += 1
    gradients.buffer.zero()
    let (loss, gradient) = try forward(rows)
    guard loss.isFinite else { return loss }
    tape.backward(gradient, downTo: plan.lowestDepth(epoch: options.epochs))
    let norm = kernels.squaredNorm(gradients.buffer).squareRoot()
    guard norm.isFinite else { return .nan }
    update(learningRate, norm)
    return loss
  }

  private func update(_ learningRate: Double, _ norm: Double) {
    state.updates += 1
    let clip = options.clipNorm > 0 && norm > options.clipNorm ? options.clipNorm / norm : 1
    optimizer.step(
      gradients: gradients, learningRate: learningRate, weightDecay: options.weightDecay,
      number: state.step, gradientScale: clip, updates: updates)
    tape.packWeights()
    if let average {
      // The usual correction of a short history: early on the average follows more closely.
      let keep = min(options.averageDecay, Double(state.step) / Double(state.step + 10))
      kernels.average(learned.buffer, into: average, keep: Float(keep))
    }
  }

  /// A row as this step sees it: some tokens in parts, some hidden.
  private func disturbed(_ example: TrainingExample) -> TrainingExample {
    var example = example
    // Parts of a pair keep their places, which say what segment they are of.
    if options.subwordDropout > 0 && !splits.isEmpty && example.typeIDs.isEmpty {
      example.ids = splits.split(
        example.ids, share: options.subwordDropout, limit: parameters.shape.maximumTokens,
        using: &state.generator)
    }
    guard options.wordDropout > 0 else { return example }
    example.ids = example.ids.map { id in
      state.generator.unit() < options.wordDropout && maskable(id) ? maskID : id
    }
    return example
  }

  // MARK: When the loss goes wrong

  /// Whether this step is one at which a copy is taken. Checkpoints are written there as well, so
  /// that they need not hold the copy.
  private var isAtSnapshot: Bool { state.step % Self.snapshotSteps == 0 }

  private func takeSnapshot() { snapshot?.take(liveBuffers, step: state.step) }

  private func note(_ text: String) {
    state.history.events.append(.init(step: state.step, message: text))
    message = "step \(state.step): \(text)"
  }

  private func rollBack(_ reason: String, _ learningRate: Double) throws -> Bool {
    guard let snapshot, state.rollbacks < Self.mostRollbacks else {
      throw state.updates == 0
        ? TrainingError.noFiniteLoss
        : .diverged(step: state.step, learningRate: learningRate)
    }
    if state.updates == 0 {
      // No rate was used yet, so that a lower one is no help.
      state.rollbacks += 1
      note("\(reason), though no weight has changed yet: the step is left out")
      return true
    }
    if snapshot.step == 0 && state.restarts < Self.mostRestarts {
      return restart(reason)
    }
    let factor = state.sinceRollback < 100 && state.rollbacks > 0 ? 0.25 : 0.5
    snapshot.restore(liveBuffers)
    tape.packWeights()
    state.rollbacks += 1
    state.sinceRollback = 0
    state.rateScale *= factor
    state.watch.restart()
    note(
      "\(reason): back to the weights of step \(snapshot.step), the rate is multiplied by \(factor)"
    )
    return true
  }

  /// Begins anew with the first weights and a tenth of the rate; the last time at the rate that was asked for.
  ///
  /// - Returns: always false: the step under way counts for nothing.
  @discardableResult
  private func restart(_ reason: String = "the loss is still that of guessing") -> Bool {
    state.restarts += 1
    let isLast = state.restarts > Self.mostRestarts
    // What no rate could teach may be in the data: the last try has the rate that was asked for.
    let scale = isLast ? 1 : state.rateScale * 0.1
    note(
      isLast
        ? "\(reason) at four rates, so the labels may not follow from the texts; the rest runs at the rate that was asked for"
        : "\(reason): the run begins anew with the rate multiplied by 0.1")
    learned.buffer.copy(from: initial)
    average?.copy(from: initial)
    optimizer.buffers.forEach { $0.zero() }
    tape.packWeights()
    let watch = LossWatch(
      chance: state.watch.chance, patience: isLast ? .max : state.watch.patience)
    var fresh = RunState(
      generator: state.generator, orderGenerator: state.generator, watch: watch)
    (fresh.restarts, fresh.rateScale) = (state.restarts, scale)
    fresh.history.events = state.history.events
    (fresh.tokens, fresh.plateau) = (state.tokens, state.plateau)
    (fresh.best, fresh.bestEpoch) = (state.best, state.bestEpoch)
    state = fresh
    takeSnapshot()
    return false
  }

  /// Whether an epoch of some length, or two short ones, ended at what guessing gives.
  private var isGuessing: Bool {
    options.watchesLoss && state.restarts < Self.mostRestarts
      && state.guessingEpochs >= (state.step / max(1, state.epoch - 1) >= 200 ? 1 : 2)
  }

  private var isStuckAtEnd: Bool {
    options.watchesLoss && state.step >= Self.fewestSteps && state.epoch > options.epochs
      && state.restarts < Self.mostRestarts
      && state.watch.smoothed > 0.985 * state.watch.chance
  }

  // MARK: Looks

  /// Takes validation figures into account; true when they are the best so far.
  private func look(_ figures: ValidationFigures) -> Bool {
    let isBest =
      figures.keptBy.isFinite && figures.loss.isFinite && state.updates > 0
      && state.best.map { Self.isBetter(figures, than: $0) } ?? true
    if isBest {
      (state.best, state.bestEpoch) = (figures, state.epoch)
      best.copy(from: average ?? learned.buffer)
    }
    let highest = state.history.looks.map(\.score).max() ?? 0
    if isBest || figures.score > highest { state.lastImprovement = state.epoch }
    let mean = state.epochLoss / Double(max(1, state.epochSteps))
    (state.epochLoss, state.epochSteps) = (0, 0)
    state.history.looks.append(
      .init(
        epoch: state.epoch, step: state.step, trainingLoss: mean, loss: figures.loss,
        score: figures.score))
    if state.plateau?.observe(figures.loss) == true {
      state.rateScale *= options.plateauFactor
      note(
        "the validation loss has stopped falling: the rate is multiplied by \(options.plateauFactor)"
      )
    }
    // A handful of steps, most of them of the warm-up, tell nothing.
    let guesses =
      state.step >= Self.fewestSteps && figures.score <= figures.guess + 0.005
      && mean > 0.9 * state.watch.chance
    state.guessingEpochs = guesses ? state.guessingEpochs + 1 : 0
    lowerOnFlatLoss(mean)
    return isBest
  }

  /// A training loss that has stopped falling while it is far from 0 means steps too long to settle.
  private func lowerOnFlatLoss(_ mean: Double) {
    guard options.watchesLoss, state.step > schedule.warmupSteps else { return }
    if mean < 0.98 * state.bestEpochLoss {
      (state.bestEpochLoss, state.flatEpochs) = (mean, 0)
      return
    }
    state.flatEpochs += 1
    guard state.flatEpochs >= 2, state.step >= Self.fewestSteps, mean > 0.1 * state.watch.chance
    else { return }
    state.flatEpochs = 0
    state.rateScale *= 0.3
    note("the training loss has stopped falling: the rate is multiplied by 0.3")
  }

  /// By the loss: of some hundred validation rows a classifier's accuracy is a matter of luck by a point, of which the
  /// best of many looks takes the most, while the loss counts how sure each answer is.
  private static func isBetter(
    _ a: ValidationFigures, than b: ValidationFigures
  ) -> Bool {
    (a.keptBy, -a.score) < (b.keptBy, -b.score)
  }

  /// Figures of the weights, or of their average, which takes their place meanwhile.
  private func evaluate(_ examples: [TrainingExample]) throws -> ValidationFigures {
    func report() throws -> ValidationFigures {
      let encoder = Encoder(tape.packedWeights(), kernels: kernels)
      guard let states else {
        return try Evaluation.figures(objective, encoder, examples)
      }
      return try objective.figures(examples) { rows in
        encoder.logits(headStates: states.validation[rows])
      }
    }
    guard let average else { return try report() }
    let live = FloatBuffer(count: average.count)
    live.copy(from: learned.buffer)
    func put(_ weights: FloatBuffer) {
      learned.buffer.copy(from: weights)
      tape.packWeights()
    }
    put(average)
    defer { put(live) }
    return try report()
  }

  private func result(seconds: Double) throws -> TrainingResult {
    guard let validation = state.best else { throw TrainingError.noFiniteLoss }
    learned.buffer.copy(from: best)
    return TrainingResult(
      parameters: parameters, validation: validation,
      bestEpoch: state.bestEpoch, epochs: state.epoch - 1,
      tokensPerSecond: Double(state.tokens) / seconds, seconds: seconds, steps: state.step,
      tokens: state.tokens, history: state.history)
  }
}
