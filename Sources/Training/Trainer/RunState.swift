import Tensor

/// Where a run stands, beside its weights: all that decides how it goes on.
struct RunState: Codable, Equatable {
  /// Steps done.
  var step = 0
  /// The epoch under way, from 1.
  var epoch = 1
  /// Batches of it that are done.
  var batch = 0
  /// The sequence of random numbers, and as it was when the epoch's order was drawn.
  var generator: SeededGenerator
  var orderGenerator: SeededGenerator
  /// What the schedule's rates are multiplied by, after falls.
  var rateScale = 1.0
  var watch: LossWatch
  var plateau: PlateauReducer?
  /// Sum and number of the epoch's losses.
  var epochLoss = 0.0
  var epochSteps = 0
  /// Lowest mean loss of an epoch, and epochs since it fell by a fiftieth.
  var bestEpochLoss = Double.greatestFiniteMagnitude
  var flatEpochs = 0
  /// Epochs in a row that ended no better than guessing.
  var guessingEpochs = 0
  /// The best look.
  var best: ValidationFigures?
  var bestEpoch = 0
  /// The epoch since which patience counts; 0 before the first look of a run or of a new beginning.
  var lastImprovement = 0
  var history = TrainingHistory()
  /// Changes of the weights since the beginning, or the last new one.
  var updates = 0
  /// Returns to an earlier state.
  var rollbacks = 0
  /// Steps since the last one.
  var sinceRollback = 0
  /// Starts from the first weights.
  var restarts = 0
  var tokens = 0
  var seconds = 0.0
}

/// A copy of weights and optimiser state to return to.
final class Snapshot {
  private let copies: [FloatBuffer]
  private(set) var step = 0

  init(like buffers: [FloatBuffer]) { copies = buffers.map { FloatBuffer(count: $0.count) } }

  func take(_ buffers: [FloatBuffer], step: Int) {
    for (copy, buffer) in zip(copies, buffers) { copy.copy(from: buffer) }
    self.step = step
  }

  func restore(_ buffers: [FloatBuffer]) {
    for (copy, buffer) in zip(copies, buffers) { buffer.copy(from: copy) }
  }
}
