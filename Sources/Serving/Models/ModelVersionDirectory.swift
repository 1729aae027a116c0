import Foundation
import HubCache
import JSON
import Transformer

/// Where the files of the version to serve are, and what the version is called.
///
/// In this order:
/// 1. A directory without a model of its own but with folders `1`, `2`, … serves the one with the highest number, as
///    TensorFlow Serving and Triton do.
/// 2. `"version"` in `martlet.json` beside the model.
/// 3. A snapshot of a hub's cache is called by the first twelve digits of its commit.
/// 4. A symbolic link is called by what it points to: `current -> releases/2026-11-25`.
/// 5. Else a fingerprint of the files, the same on every machine.
///
/// All of it is looked up again at each reload, so that HUP switches versions.
struct ModelVersionDirectory: Sendable, Equatable {
  /// The folder with `config.json`, `modules.json` or an adapter's `adapter_config.json`.
  let path: String
  /// The version's name: 1 to 64 bytes of `A-Z a-z 0-9 - _ .`.
  let version: String

  private static let markers = ["config.json", "modules.json", "adapter_config.json"]
  private static let maximumVersionLength = 64
  /// Whole blocks of each large file that go into a fingerprint.
  private static let sampleCount = 64
  private static let sampleSize = 4096

  init(_ directory: String) {
    let manager = FileManager.default
    func holdsModel(_ path: String) -> Bool {
      Self.markers.contains { manager.fileExists(atPath: path + "/" + $0) }
    }
    if !holdsModel(directory) {
      let numbers = ((try? manager.contentsOfDirectory(atPath: directory)) ?? [])
        .compactMap { name in Int(name).flatMap { $0 >= 0 && String($0) == name ? $0 : nil } }
        .filter { holdsModel("\(directory)/\($0)") }
      if let highest = numbers.max() {
        path = "\(directory)/\(highest)"
        version = String(highest)
        return
      }
    }
    path = directory
    if let stated = Self.statedVersion(directory) {
      version = stated
    } else if let snapshot = HubCache.name(ofSnapshot: directory) {
      version = String(snapshot.commit.prefix(12))
    } else if let target = try? manager.destinationOfSymbolicLink(atPath: Self.trimmed(directory)),
      let name = Self.sane(URL(fileURLWithPath: target).lastPathComponent)
    {
      version = name
    } else {
      version = Self.fingerprint(directory)
    }
  }

  private static func trimmed(_ directory: String) -> String {
    directory.count > 1 && directory.hasSuffix("/") ? String(directory.dropLast()) : directory
  }

  private static func statedVersion(_ directory: String) -> String? {
    guard let data = FileManager.default.contents(atPath: directory + "/martlet.json"),
      let file = try? JSONValue(parsing: Array(data), limits: JSONLimits(fileBytes: data.count))
    else { return nil }
    let version = file["version"]
    return sane(version?.stringValue ?? version?.intValue.map { String($0) } ?? "")
  }

  private static func sane(_ text: String) -> String? {
    let isSane = text.utf8.allSatisfy {
      switch $0 {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
        UInt8(ascii: "."):
        true
      default: false
      }
    }
    return isSane && (1...maximumVersionLength).contains(text.utf8.count) ? text : nil
  }

  /// Twelve hexadecimal digits of FNV-1a over names, sizes and content of the model's files. Of large files blocks at even
  /// distances are read, and the beginning of each tensor: training changes all of a tensor, if only those of the head, and
  /// reading a file whole would take as long as loading it.
  private static func fingerprint(_ directory: String) -> String {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    func mix(_ bytes: some Sequence<UInt8>) {
      for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    }
    let names = ((try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? [])
      .filter { $0.hasSuffix(".json") || $0.hasSuffix(".txt") || $0.hasSuffix(".safetensors") }
      // Not the reference profile: it says nothing of what the model answers.
      .filter { $0 != "reference.json" }
    for name in names.sorted() {
      guard let file = FileHandle(forReadingAtPath: directory + "/" + name),
        let size = try? file.seekToEnd()
      else { continue }
      mix(name.utf8)
      mix(withUnsafeBytes(of: size.littleEndian, Array.init))
      let distance = max(UInt64(sampleSize), size / UInt64(sampleCount))
      var blocks = stride(from: 0, to: size, by: UInt64.Stride(distance)).map {
        $0..<$0 + UInt64(sampleSize)
      }
      if distance > sampleSize, let tensors = try? SafeTensors(path: directory + "/" + name) {
        blocks += tensors.entries.values.map(\.bytes).sorted { $0.lowerBound < $1.lowerBound }
          .map { UInt64($0.lowerBound)..<UInt64($0.prefix(sampleSize).upperBound) }
      }
      for block in blocks {
        guard (try? file.seek(toOffset: block.lowerBound)) != nil else { break }
        mix((try? file.read(upToCount: block.count)) ?? Data())
      }
    }
    let digits = String(hash >> 16, radix: 16)
    return String(repeating: "0", count: max(0, 12 - digits.count)) + digits
  }
}
