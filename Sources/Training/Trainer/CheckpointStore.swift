import Files
import Foundation
import Tensor
import Transformer

/// Why a checkpoint cannot be resumed.
public enum CheckpointError: Error, Equatable, LocalizedError {
  /// The file is no checkpoint, or was cut.
  case malformed(path: String, problem: String)
  /// The checkpoint belongs to other data or options.
  case otherRun(path: String)

  /// What, where and how to mend it.
  public var errorDescription: String? {
    switch self {
    case .malformed(let path, let problem):
      return "\(path): not a sound checkpoint: \(problem). Remove it and start without --resume."
    case .otherRun(let path):
      return
        "\(path): the checkpoint is of a run with other data, options or code. Start with those "
        + "of the interrupted run, or without --resume."
    }
  }
}

/// Keeps the state of a run in one file, replaced whole, from which the run goes on with the same bits.
public final class CheckpointStore {
  /// The file.
  public let path: String
  /// Seconds between checkpoints inside an epoch; after each epoch there is one.
  public let interval: Double
  private let resumes: Bool
  /// Its folder.
  public let directory: String
  private let isNew: Bool
  var fingerprint = ""

  /// Checkpoints in `directory`, made if missing. With `resumes`, a run starts from the one there.
  public init(directory: String, interval: Double = 60, resumes: Bool) throws {
    path = directory + "/checkpoint.safetensors"
    self.interval = interval
    self.resumes = resumes
    self.directory = directory
    isNew = !FileManager.default.fileExists(atPath: directory)
    try Folder.make(directory)
  }

  /// Removes the file, once the run is over, and its folder where it was made for it and is empty.
  public func remove() {
    try? FileManager.default.removeItem(atPath: path)
    removeEmptyFolder()
  }

  /// Removes the folder where it was made for the checkpoint and there is none.
  public func removeEmptyFolder() { if isNew { rmdir(directory) } }

  private func names(_ trainer: Trainer) -> [(String, FloatBuffer)] {
    trainer.liveBuffers.enumerated().map { ("live.\($0)", $1) } + [("best", trainer.best)]
  }

  func write(_ trainer: Trainer) throws {
    let encoder = JSONEncoder()
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    let state = String(decoding: try encoder.encode(trainer.state), as: UTF8.self)
    let file = SafeTensors.encode(
      names(trainer).map { name, buffer in
        (name: name, shape: [buffer.count], bytes: buffer.bytes(0..<buffer.count))
      }, metadata: ["run": fingerprint, "state": state])
    try OutputFile.write(file, to: path)
  }

  /// Puts the checkpoint's state into `trainer`; false where there is none or none is wanted.
  func restore(_ trainer: Trainer) throws -> Bool {
    guard resumes, FileManager.default.fileExists(atPath: path) else { return false }
    let file: SafeTensors
    do { file = try SafeTensors(path: path) } catch {
      throw CheckpointError.malformed(path: path, problem: error.localizedDescription)
    }
    guard let text = file.metadata["state"] else {
      throw CheckpointError.malformed(path: path, problem: "it holds no state")
    }
    guard file.metadata["run"] == fingerprint else { throw CheckpointError.otherRun(path: path) }
    let decoder = JSONDecoder()
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    do {
      for (name, buffer) in names(trainer) {
        try file.read(name, into: Matrix(buffer, rows: 1, columns: buffer.count))
      }
      trainer.state = try decoder.decode(RunState.self, from: Data(text.utf8))
    } catch {
      throw CheckpointError.malformed(path: path, problem: error.localizedDescription)
    }
    return true
  }
}

/// Tells runs apart by all that decides their bits.
enum RunFingerprint {
  /// Goes up where the same options come to mean other steps.
  private static let version = 2

  static func of(
    _ options: TrainingOptions, _ parameters: ModelParameters, unchanged: Int,
    _ training: [TrainingExample], _ validation: [TrainingExample]
  ) -> String {
    var options = options
    // A run may be resumed to go further.
    options.stopAfterEpochs = nil
    var hash = FNV1a()
    hash.add("\(version) \(options) \(parameters.shape)".utf8)
    for example in training + validation {
      hash.add(UInt64(bitPattern: Int64(example.label)))
      for id in example.ids + example.typeIDs { hash.add(UInt64(bitPattern: Int64(id))) }
      for share in example.target { hash.add(UInt64(share.bitPattern)) }
    }
    let own = String(hash.value, radix: 16)
    guard unchanged > 0, unchanged < parameters.tensors.count else { return own }
    // A checkpoint does not have what never changes.
    var frozen = ContentHash()
    frozen.add(FloatBuffer(0..<parameters.tensors[unchanged].offset, of: parameters.buffer))
    return own + frozen.text
  }
}
