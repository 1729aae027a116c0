import Foundation

/// What the environment says of hub and cache, under the names and with the defaults of `huggingface_hub`.
package struct HubSettings: Sendable {
  /// The folder of the cache, absolute.
  package var cache: String
  /// Scheme and host of the hub, without a slash at the end.
  package var endpoint: String
  /// What is sent to the hub, and to no other host; nil for nothing.
  package var token: String?
  /// Whether nothing may be asked for.
  package var isOffline: Bool

  /// The hub where the environment names none.
  package static let defaultEndpoint = "https://huggingface.co"

  /// The folder of the cache, as the environment says.
  package static func cache(
    _ environment: [String: String] = ProcessInfo.processInfo.environment
  ) -> HubCache {
    let own = path("HF_HUB_CACHE", environment) ?? path("HUGGINGFACE_HUB_CACHE", environment)
    return HubCache(path: own ?? home(environment) + "/hub")
  }

  /// The folder of all that Hugging Face's programs keep.
  private static func home(_ environment: [String: String]) -> String {
    path("HF_HOME", environment)
      ?? (path("XDG_CACHE_HOME", environment) ?? user(environment) + "/.cache") + "/huggingface"
  }

  private static func user(_ environment: [String: String]) -> String {
    environment["HOME"].flatMap { $0.isEmpty ? nil : $0 } ?? NSHomeDirectory()
  }

  /// The path in a variable, absolute; nil where it has none.
  private static func path(_ name: String, _ environment: [String: String]) -> String? {
    guard let text = environment[name], !text.isEmpty else { return nil }
    let isHome = text == "~" || text.hasPrefix("~/")
    let whole = isHome ? user(environment) + text.dropFirst() : text
    return URL(fileURLWithPath: whole).standardizedFileURL.path
  }

  /// Reads the environment, and the token's file.
  package init(environment: [String: String] = ProcessInfo.processInfo.environment) {
    func value(_ names: String...) -> String? {
      names.lazy.compactMap { environment[$0] }.first { !$0.isEmpty }
    }
    func isOn(_ names: String...) -> Bool {
      names.contains { ["1", "ON", "YES", "TRUE"].contains(environment[$0]?.uppercased()) }
    }
    cache = Self.cache(environment).path
    endpoint = value("HF_ENDPOINT") ?? Self.defaultEndpoint
    while endpoint.utf8.last == UInt8(ascii: "/") { endpoint.removeLast() }
    isOffline = isOn("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
    let file = Self.path("HF_TOKEN_PATH", environment) ?? Self.home(environment) + "/token"
    let written = FileManager.default.contents(atPath: file).map {
      String(decoding: $0, as: UTF8.self)
    }
    let stated = value("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN") ?? written
    let trimmed = stated?.trimmingCharacters(in: .whitespacesAndNewlines)
    token = isOn("HF_HUB_DISABLE_IMPLICIT_TOKEN") ? nil : trimmed.flatMap { $0.isEmpty ? nil : $0 }
  }
}
