import Files
import Foundation

/// A job array of Slurm's: one training run a task, each with a log and a file that tells how it ended.
///
/// Layout of the folder, which all nodes must see: `array.sh` is what `sbatch` runs, and `N.exit` holds the exit
/// code of task N, moved into place when it is whole.
public struct SlurmArray: Sendable, Equatable {
  /// One run of the program.
  public struct Task: Sendable, Equatable {
    /// Program and arguments.
    public var words: [String]
    /// Where its output goes.
    public var log: String

    /// A run of `words` with its output to `log`.
    public init(words: [String], log: String) { (self.words, self.log) = (words, log) }
  }

  /// The folder, as an absolute path.
  public let folder: String
  /// What the tasks run, by their number.
  public let tasks: [Task]

  /// An array of `tasks`, whose files are in `folder`.
  public init(folder: String, tasks: [Task]) { (self.folder, self.tasks) = (folder, tasks) }

  /// The script that every task of the array runs; it does what its number says.
  public var script: String {
    var lines = ["#!/bin/sh", "case \"$SLURM_ARRAY_TASK_ID\" in"]
    for (number, task) in tasks.enumerated() {
      let words = task.words.map(\.shellWord).joined(separator: " ")
      lines.append("\(number)) \(words) >\(task.log.shellWord) 2>&1 ;;")
    }
    let exit = folder.shellWord + "/\"$SLURM_ARRAY_TASK_ID\".exit"
    lines += ["esac", "echo \"$?\" >\(exit).part", "mv \(exit).part \(exit)", ""]
    return lines.joined(separator: "\n")
  }

  /// How task `number` ended; nil while it has not.
  public func exitCode(of number: Int) -> Int32? {
    guard let data = FileManager.default.contents(atPath: "\(folder)/\(number).exit") else {
      return nil
    }
    return Int32(String(decoding: data, as: UTF8.self).trimmingCharacters(in: .newlines))
  }
}
