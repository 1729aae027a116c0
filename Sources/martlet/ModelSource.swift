import ArgumentParser
import CSystem
import Files
import Foundation
import Hub
import HubCache
import Transformer

/// What a user names a model by: a directory, or a name on a hub, whose files are in the cache that Python uses or come there first.
///
/// A path that is there is meant before any name. What is whole in the cache is used as it is, without asking anyone; `martlet pull`
/// brings what is newer. Downloading is for a process of its own: it needs threads, which no arbiter may have before it forks.
enum ModelSource {
  /// What a command reads of a model.
  enum Need {
    case model, tokenizer
  }

  /// The directory of a model.
  /// - Parameters:
  ///   - mayDownload: false where nobody could wait for it.
  /// - Throws: `HubError`, or the exit code of a download that failed, which has said why.
  static func directory(
    _ text: String, for need: Need = .model, mayDownload: Bool = true
  ) throws -> String {
    guard !FileManager.default.fileExists(atPath: text), let name = HubName(text) else {
      try bringBase(of: text, mayDownload: mayDownload)
      return text
    }
    return try directory(name, for: need, mayDownload: mayDownload)
  }

  private static func directory(
    _ name: HubName, for need: Need, mayDownload: Bool
  ) throws -> String {
    let cache = HubSettings.cache()
    var found = usable(cache.snapshot(name), need)
    if found?.isCertain != true {
      let settings = HubSettings()
      if mayDownload && !settings.isOffline {
        // What is there in part is made whole, and stays the commit that it is.
        let own = found.flatMap { HubName("\(name.id)@\($0.commit)") }
        try pull(own ?? name, need, hasCopy: own != nil)
        found = usable(cache.snapshot(name), need)
      } else if found != nil {
        Console.say(
          "\(name): as it is in the cache, where files may be missing that change its answers (martlet pull \(name))"
        )
      } else {
        try cache.snapshot(name)?.checkWeights(of: name)
        throw settings.isOffline
          ? HubError.offline(name: "\(name)", cache: cache.path)
          : HubError.notCached(name: "\(name)", cache: cache.path, there: [])
      }
    }
    guard let path = found?.path else {
      throw HubError.notCached(name: "\(name)", cache: cache.path, there: [])
    }
    if need == .model { try bringBase(of: path, mayDownload: mayDownload) }
    return path
  }

  /// An adapter's base, where it is a name.
  private static func bringBase(of directory: String, mayDownload: Bool) throws {
    guard let base = try AdapterConfiguration.missingBase(of: directory) else { return }
    _ = try Self.directory(base, for: .model, mayDownload: mayDownload)
  }

  private static func usable(
    _ snapshot: HubSnapshot?, _ need: Need
  ) -> (path: String, commit: String, isCertain: Bool)? {
    guard let snapshot else { return nil }
    if need == .tokenizer {
      let files = ModelFiles(snapshot.files)
      guard files.hasTokenizer(in: snapshot.path) else { return nil }
      let isCertain = snapshot.state == .whole || files.names.contains("tokenizer.json")
      return (snapshot.path, snapshot.commit, isCertain)
    }
    let state = snapshot.state
    return state == .partial ? nil : (snapshot.path, snapshot.commit, state == .whole)
  }

  /// Runs `martlet pull` and waits.
  private static func pull(_ name: HubName, _ need: Need, hasCopy: Bool) throws {
    var words = ["martlet", "pull", "\(name)", "--for-command"]
    if need == .tokenizer { words.append("--no-weights") }
    if hasCopy { words.append("--or-copy") }
    let bytes = words.flatMap { Array($0.utf8) + [0] }.map { CChar(truncatingIfNeeded: $0) }
    let status = martlet_run_self(bytes, bytes.count)
    guard status != -1 else {
      throw FileError.unreadable(
        path: "/proc/self/exe", reason: String(cString: strerror(errno)))
    }
    if martlet_was_signalled(status) { throw ExitCode(128 + martlet_termination_signal(status)) }
    let code = martlet_exit_status(status)
    if code != 0 { throw ExitCode(code) }
  }
}
