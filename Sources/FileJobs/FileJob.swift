import Dispatch
import Synchronization
import Tensor
import Transformer

/// Predicts for the rows of a file over several threads, in order and in bounded memory.
///
/// Rows go into batches of a token budget, batches over threads as they come free. The model gives
/// a row the same bits in any batch, so the output is the same for any number of threads. A batch that comes
/// alone is shared by them.
public struct FileJob {
  /// How far a job is.
  public struct Progress: Sendable {
    /// Rows answered.
    public var rows: Int
    /// Bytes read.
    public var bytes: Int
    /// Tokens read by the model.
    public var tokens: Int

    /// What another kind of job has done so far.
    public init(rows: Int, bytes: Int, tokens: Int) {
      (self.rows, self.bytes, self.tokens) = (rows, bytes, tokens)
    }
  }

  private let models: [TextModel]
  private let pool: ComputePool
  private let batchTokens: Int
  private static let batchRows = 64
  private static let batchesPerThread = 4
  private static let windowBytes = 1 << 24

  /// A job with `model`, which must use one thread itself.
  public init(model: TextModel, threads: Int, batchTokens: Int = 2048) {
    let model = model
    pool = ComputePool(threads: threads)
    models = [model] + (1..<max(1, threads)).map { _ in model.sibling() }
    self.batchTokens = batchTokens
  }

  /// Predicts for all rows of `reader`; `answer` gets each in order.
  ///
  /// - Throws: `RecordError.rejected` for a row that has no answer; what the reader or `answer` throws.
  public func run(
    _ reader: inout RecordReader, encode: ((Record, TextModel) -> EncodedRecord)? = nil,
    progress: (Progress) -> Void = { _ in }, answer: (Record, Prediction) throws -> Void
  ) throws {
    var done = Progress(rows: 0, bytes: 0, tokens: 0)
    while true {
      let batches = try window(&reader)
      if batches.isEmpty { return }
      let results = predict(batches, encode)
      for (batch, predictions) in zip(batches, results) {
        for (record, result) in zip(batch, predictions) {
          let prediction: Prediction
          do throws(PredictionError) { prediction = try result.get() } catch {
            throw RecordError.rejected(path: reader.path, line: record.line, reason: error)
          }
          try answer(record, prediction)
          done.tokens += prediction.tokenCount
        }
        done.rows += batch.count
      }
      done.bytes = reader.consumed
      progress(done)
    }
  }

  /// The next rows, as batches enough for all threads.
  private func window(_ reader: inout RecordReader) throws -> [[Record]] {
    let limit = models.count * Self.batchesPerThread
    let longest = models[0].maximumTokens
    var batches: [[Record]] = []
    var (tokens, bytes) = (0, 0)
    while batches.count < limit, bytes < Self.windowBytes, let record = try reader.next() {
      let size = record.input.text.utf8.count + (record.input.pair?.utf8.count ?? 0)
      let estimate =
        record.words.isEmpty
        ? models[0].task.definition.tokenEstimate(record.input, maximum: longest)
        : min(longest, 3 + record.words.count)
      if batches.isEmpty || tokens + estimate > batchTokens
        || batches[batches.count - 1].count >= Self.batchRows
      {
        batches.append([])
        tokens = 0
      }
      batches[batches.count - 1].append(record)
      tokens += estimate
      bytes += size
    }
    return batches
  }

  private typealias Answers = [Result<Prediction, PredictionError>]

  private func predict(
    _ batches: [[Record]], _ encode: ((Record, TextModel) -> EncodedRecord)?
  ) -> [Answers] {
    func tokens(_ record: Record, _ model: TextModel) throws(PredictionError) -> EncodedInput {
      guard let encode else { return try model.encode(record.input) }
      return try EncodedInput(record.input, encode(record, model).encoding)
    }
    func one(_ batch: [Record], _ model: TextModel) -> Answers {
      let encoded = batch.map { record in
        Result { () throws(PredictionError) in try tokens(record, model) }
      }
      var answers = model.predict(encoded.compactMap { try? $0.get() })[...]
      return encoded.map { $0.flatMap { _ in answers.removeFirst() } }
    }
    if models.count == 1 || batches.count == 1 {
      models[0].use(pool)
      defer { models[0].use(.single) }
      return batches.map { one($0, models[0]) }
    }
    let results = Mutex([Answers](repeating: [], count: batches.count))
    let next = Atomic(0)
    withoutActuallyEscaping(one) { one in
      // Each thread has a model of its own, and concurrentPerform returns only when all are done.
      nonisolated(unsafe) let (one, models) = (one, models)
      DispatchQueue.concurrentPerform(iterations: min(models.count, batches.count)) { thread in
        while true {
          let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
          guard index < batches.count else { return }
          let predictions = one(batches[index], models[thread])
          results.withLock { $0[index] = predictions }
        }
      }
    }
    return results.withLock { $0 }
  }
}
