import Foundation
import Tensor
import Testing

@Suite("Sizes of caches")
struct CacheSizesTests {
  @Test("The second level is read, in kilobytes, whatever its index")
  func second() throws {
    let directory = FileManager.default.temporaryDirectory
      .appendingPathComponent("martlet-caches-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: directory) }
    let caches = [
      ("1", "Data", "48K"), ("2", "Instruction", "64K"), ("2", "Unified", "512K"),
      ("3", "Unified", "32768K"),
    ]
    for (index, (level, type, size)) in caches.enumerated() {
      let folder = directory.appendingPathComponent("index\(index)")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      for (name, text) in [("level", level), ("type", type), ("size", size)] {
        try Data((text + "\n").utf8).write(to: folder.appendingPathComponent(name))
      }
    }
    #expect(CacheSizes(directory: directory.path) == CacheSizes(second: 512 << 10))
  }

  @Test("A machine that says nothing has a megabyte")
  func unknown() {
    #expect(CacheSizes(directory: "/nowhere") == CacheSizes(second: 1 << 20))
  }
}
