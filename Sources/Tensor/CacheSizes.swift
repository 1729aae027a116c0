import Foundation

/// Bytes of the caches that one core has, by which products are cut into blocks. They change no result.
public struct CacheSizes: Sendable, Equatable {
  /// The second-level cache.
  public var second: Int

  /// Caches of these sizes.
  public init(second: Int) { self.second = second }

  /// Those of this machine's first core, read once.
  public static let machine = CacheSizes(directory: "/sys/devices/system/cpu/cpu0/cache")

  /// What the kernel says of a core in `directory` (Linux, Documentation/ABI/testing/sysfs-devices-system-cpu); a
  /// megabyte where it says nothing, as in some containers.
  package init(directory: String) {
    second = 1 << 20
    for index in 0..<8 {
      func text(_ name: String) -> String? {
        (try? String(contentsOfFile: "\(directory)/index\(index)/\(name)", encoding: .utf8))?
          .trimmingCharacters(in: .whitespacesAndNewlines)
      }
      guard text("level") == "2", text("type") != "Instruction", let size = text("size"),
        size.hasSuffix("K"), let kilobytes = Int(size.dropLast()),
        (16...1 << 20).contains(kilobytes)
      else { continue }
      second = kilobytes << 10
    }
  }

  /// Rows of `bytes` each that stay in half of the second-level cache, while the other operand passes by.
  func rows(of bytes: Int) -> Int { max(56, second / 2 / max(bytes, 1)) }
}
