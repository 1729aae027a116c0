/// What happened in a run, for reports.
public struct TrainingHistory: Sendable, Codable, Equatable {
  /// One step.
  public struct Step: Sendable, Codable, Equatable {
    /// From 1.
    public var number: Int
    /// The batch's loss.
    public var loss: Double
    /// The rate.
    public var learningRate: Double
  }

  /// A look at the validation rows.
  public struct Look: Sendable, Codable, Equatable {
    /// From 1.
    public var epoch: Int
    /// The last step before it.
    public var step: Int
    /// Mean training loss of the epoch.
    public var trainingLoss: Double
    /// Validation loss.
    public var loss: Double
    /// The task's figure, such as the share of right answers.
    public var score: Double
  }

  /// Something that the trainer did by itself.
  public struct Event: Sendable, Codable, Equatable {
    /// When.
    public var step: Int
    /// What and why.
    public var message: String
  }

  /// Steps, thinned so that long runs stay small.
  public private(set) var steps: [Step] = []
  /// Looks at the validation rows.
  public var looks: [Look] = []
  /// What the trainer did.
  public var events: [Event] = []
  private var every = 1
  private var sum = 0.0
  private var summed = 0

  init() {}

  /// Adds a step; neighbours are averaged once there are over 4,000.
  mutating func add(step: Int, loss: Double, learningRate: Double) {
    sum += loss
    summed += 1
    guard summed >= every else { return }
    steps.append(Step(number: step, loss: sum / Double(summed), learningRate: learningRate))
    (sum, summed) = (0, 0)
    guard steps.count >= 4000 else { return }
    steps = stride(from: 0, to: steps.count - 1, by: 2).map { index in
      var later = steps[index + 1]
      later.loss = (later.loss + steps[index].loss) / 2
      return later
    }
    every *= 2
  }
}
