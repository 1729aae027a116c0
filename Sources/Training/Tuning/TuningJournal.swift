import Files
import Foundation

/// Why a journal cannot be used.
public enum JournalError: Error, Equatable, LocalizedError {
  /// The file cannot be read or written.
  case unusable(path: String, reason: String)
  /// The file is of another search.
  case otherSearch(path: String)
  /// The file is of this search, but over data that have changed since.
  case otherData(path: String)
  /// A line is no outcome.
  case malformed(path: String, line: Int)

  /// What, where and how to mend it.
  public var errorDescription: String? {
    switch self {
    case .unusable(let path, let reason):
      return "\(path): \(reason). Check the folder, its permissions and space."
    case .otherSearch(let path):
      return "\(path): the journal is of another search (other data, space or options). Give the "
        + "search that it belongs to, or another folder with -o."
    case .otherData(let path):
      return "\(path): the data have changed since. Choose another folder with -o."
    case .malformed(let path, let line):
      return "\(path):\(line): not a line of a search's journal. Remove the line, or the file to "
        + "start anew."
    }
  }
}

/// The outcomes of a search, a JSON object a line: what is there is not run again.
public final class TuningJournal {
  private struct Header: Codable, Equatable {
    var martletTune: Int
    var search: String
    /// Tells data apart; journals before there was one have none.
    var data: String?
  }

  /// The file.
  public let path: String
  /// What it holds, in order.
  public private(set) var outcomes: [SearchOutcome]
  private let file: FileHandle

  /// Opens `path`, or begins it for the search that `description` tells apart from others, over the data that `data` tells
  /// apart. A last line that was cut is dropped.
  ///
  /// - Throws: `JournalError`; `.otherData` where only the data are others.
  public init(path: String, description: String, data fingerprint: String) throws {
    self.path = path
    let header = Header(martletTune: 2, search: description, data: fingerprint)
    var outcomes: [SearchOutcome] = []
    var isNew = true
    var length = 0
    if let data = FileManager.default.contents(atPath: path), !data.isEmpty {
      isNew = false
      let lines = data.split(separator: 10, omittingEmptySubsequences: false)
      guard let found = try? JSONDecoder().decode(Header.self, from: Data(lines[0])),
        found.martletTune == header.martletTune, found.search == header.search
      else { throw JournalError.otherSearch(path: path) }
      guard found.data == header.data else { throw JournalError.otherData(path: path) }
      length = lines[0].count + 1
      for (index, line) in lines.enumerated().dropFirst() where !line.isEmpty {
        guard let outcome = try? JSONDecoder().decode(SearchOutcome.self, from: Data(line)) else {
          if index == lines.count - 1 { break }
          throw JournalError.malformed(path: path, line: index + 1)
        }
        if index == lines.count - 1 { break }
        outcomes.append(outcome)
        length += line.count + 1
      }
    } else {
      _ = FileManager.default.createFile(atPath: path, contents: nil)
    }
    guard let file = FileHandle(forUpdatingAtPath: path) else {
      throw JournalError.unusable(path: path, reason: "cannot be opened for writing")
    }
    self.file = file
    self.outcomes = outcomes
    do {
      try file.truncate(atOffset: UInt64(length))
      try file.seekToEnd()
      if isNew { try append(header) }
    } catch {
      throw JournalError.unusable(path: path, reason: FileError.words(of: error))
    }
  }

  private func append(_ value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    try file.write(contentsOf: try encoder.encode(value) + Data([10]))
  }

  /// Adds an outcome.
  public func add(_ outcome: SearchOutcome) throws {
    do { try append(outcome) } catch {
      throw JournalError.unusable(path: path, reason: FileError.words(of: error))
    }
    outcomes.append(outcome)
  }

  /// The outcome of `job`, where it is known.
  public func outcome(of job: SearchJob) -> SearchOutcome? {
    outcomes.first { $0.trial == job.trial && $0.epochs == job.epochs }
  }
}
