import Foundation

/// Why history cannot be kept or read.
public enum HistoryError: LocalizedError, Equatable, Sendable {
  /// Another process holds the file.
  case locked(String)
  /// The disk, or what the user may have of it, is full.
  case full(String)
  /// The file is not a database, or is damaged.
  case corrupt(String)
  /// A newer program made it.
  case newerVersion(String)
  /// It cannot be opened, or the server not reached.
  case unreachable(String, reason: String)
  /// A statement failed.
  case failed(String, reason: String)
  /// A backup cannot stand there.
  case badBackup(String, reason: String)
  /// The setting names no store.
  case badSetting(String)

  /// What, where and how to mend it.
  public var errorDescription: String? {
    switch self {
    case .locked(let store):
      "\(store): another process holds it; give each pool a store of its own with --store"
    case .full(let store):
      "\(store): the disk is full; make room, or lower --store-size"
    case .corrupt(let store):
      "\(store): not a database, or damaged; restore it from a copy, or move it away"
    case .newerVersion(let store):
      "\(store): made by a newer martlet; upgrade this one, or give it another --store"
    case .unreachable(let store, let reason):
      "\(store): cannot be opened: \(reason); check the path or address and who may use it"
    case .failed(let store, let reason):
      "\(store): \(reason); check the store and its disk"
    case .badBackup(let path, let reason):
      "\(path): \(reason); name another file for the backup"
    case .badSetting(let text):
      "--store \(text): write a file's path, postgres://USER@HOST/DATABASE, or none"
    }
  }
}
