import COpenSSL
import Foundation
import JSON

/// The files of one commit.
struct SmallHubRevision: Sendable {
  /// Bytes above which a file is a large one, as git-lfs and xet keep it.
  static let largeSize = 4096

  let name: String
  let files: [String: [UInt8]]
  let commit: String
  private let etags: [String: String]

  init(_ name: String, _ files: [String: [UInt8]]) {
    (self.name, self.files) = (name, files)
    etags = files.mapValues { bytes in
      bytes.count > Self.largeSize
        ? Self.digest(bytes, EVP_sha256())
        : Self.digest(Array("blob \(bytes.count)\0".utf8) + bytes, EVP_sha1())
    }
    let all = etags.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)\n" }.joined()
    commit = Self.digest(Array((name + "\n" + all).utf8), EVP_sha1())
  }

  func isLarge(_ file: String) -> Bool { (files[file]?.count ?? 0) > Self.largeSize }

  func etag(_ file: String) -> String { etags[file] ?? "" }

  private static func digest(_ bytes: [UInt8], _ kind: OpaquePointer?) -> String {
    var (result, size) = ([UInt8](repeating: 0, count: 64), UInt32(0))
    EVP_Digest(bytes, bytes.count, &result, &size, kind, nil)
    return result.prefix(Int(size)).map { String(format: "%02x", $0) }.joined()
  }

  /// As `/api/models/NAME/revision/REVISION` has it.
  var description: JSONValue {
    [
      "id": .string(name), "modelId": .string(name), "sha": .string(commit), "private": false,
      "tags": [], "downloads": 0, "likes": 0,
      "siblings": .array(files.keys.sorted().map { ["rfilename": .string($0)] }),
    ]
  }

  /// As `/api/models/NAME/tree/REVISION?recursive=true` has it.
  var tree: JSONValue {
    .array(
      files.sorted { $0.key < $1.key }.map { file, bytes in
        var entry: JSONObject = [
          "type": "file", "path": .string(file), "size": JSONValue(bytes.count),
          "oid": .string(isLarge(file) ? commit : etag(file)),
        ]
        if isLarge(file) {
          entry["lfs"] = [
            "oid": .string(etag(file)), "size": JSONValue(bytes.count), "pointerSize": 134,
          ]
        }
        return .object(entry)
      })
  }
}
