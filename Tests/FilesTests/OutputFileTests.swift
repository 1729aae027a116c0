import Files
import Foundation
import Testing

@Suite("Files that appear whole or not at all")
struct OutputFileTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test("A file appears when it is whole, and nothing else stays beside it")
  func commit() throws {
    let file = try OutputFile(path: folder("out"))
    try file.write("a\n".utf8)
    try file.flush()
    #expect(folder.text("out") == nil)
    try file.write("b\n".utf8)
    try file.commit()
    #expect(folder.text("out") == "a\nb\n" && folder.names == ["out"])
  }

  @Test("Without its end, what was there stays and nothing is left")
  func discard() throws {
    try folder.put("old", "out")
    do {
      let file = try OutputFile(path: folder("out"))
      try file.write("new".utf8)
      try file.flush()
    }
    #expect(folder.text("out") == "old" && folder.names == ["out"])
  }

  @Test("An existing file's permissions are kept; a new one's are those asked for")
  func permissions() throws {
    try folder.put("old", "out")
    chmod(folder("out"), 0o640)
    try OutputFile.write("new", to: folder("out"))
    try OutputFile.write("secret".utf8, to: folder("key"), mode: 0o600)
    func mode(_ name: String) -> mode_t {
      var status = stat()
      stat(folder(name), &status)
      return status.st_mode & 0o777
    }
    #expect(mode("out") == 0o640 && mode("key") == 0o600)
    #expect(folder.text("out") == "new")
  }

  @Test(
    "Behind a chain of links the file is replaced, and the links stay; one to nothing is followed")
  func links() throws {
    try FileManager.default.createDirectory(
      atPath: folder("deep"), withIntermediateDirectories: true)
    try folder.put("old", "deep/file")
    symlink("deep/second", folder("first"))
    symlink("file", folder("deep/second"))
    symlink("deep/absent", folder("dangling"))
    try OutputFile.write("new", to: folder("first"))
    try OutputFile.write("made", to: folder("dangling"))
    #expect(folder.text("deep/file") == "new" && folder.text("deep/absent") == "made")
    var status = stat()
    #expect(lstat(folder("first"), &status) == 0 && status.st_mode & S_IFMT == S_IFLNK)
    #expect(folder.names == ["dangling", "deep", "first"])
  }

  @Test("Devices and pipes are written as streams and stay what they are")
  func devices() throws {
    try OutputFile.write("x", to: "/dev/null")
    #expect(throws: FileError.self) { try OutputFile.write("x", to: "/dev/full") }
    mkfifo(folder("fifo"), 0o600)
    let reader = open(folder("fifo"), O_RDONLY | O_NONBLOCK)
    defer { close(reader) }
    try OutputFile.write("x", to: folder("fifo"))
    var byte: UInt8 = 0
    #expect(read(reader, &byte, 1) == 1 && byte == UInt8(ascii: "x"))
    #expect(folder.names == ["fifo"])
  }

  @Test("A folder that is missing or in the way is said by name, and nothing is made")
  func refusals() throws {
    let missing = #expect(throws: FileError.self) {
      try OutputFile.write("x", to: folder("no/out"))
    }
    #expect(
      missing?.localizedDescription.contains("no/out: cannot be written: its folder is missing")
        == true)
    let inTheWay = #expect(throws: FileError.self) { try OutputFile.write("x", to: folder.path) }
    #expect(inTheWay?.localizedDescription.contains("is a directory") == true)
    #expect(folder.names.isEmpty)
  }

  @Test("The beginning of a file can be written again; that of a pipe cannot")
  func beginning() throws {
    let file = try OutputFile(path: folder("out"))
    try file.write("0000rest".utf8)
    try file.rewriteStart(Array("head".utf8))
    try file.commit()
    #expect(folder.text("out") == "headrest")
  }
}

@Suite("Folders that appear whole or not at all")
struct StagedFolderTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func staged(_ name: String = "model") throws -> StagedFolder {
    let staged = try StagedFolder(for: folder(name))
    try OutputFile.write("new", to: staged.path + "/weights")
    try Folder.make(staged.path + "/inside")
    try OutputFile.write("deep", to: staged.path + "/inside/file")
    return staged
  }

  @Test("Filling keeps what else is there; nothing shows before")
  func filling() throws {
    try Folder.make(folder("model/checkpoint"))
    try folder.put("old", "model/weights")
    let staged = try staged()
    #expect(folder.text("model/weights") == "old")
    try staged.fill()
    #expect(folder.text("model/weights") == "new" && folder.text("model/inside/file") == "deep")
    #expect(FileManager.default.fileExists(atPath: folder("model/checkpoint")))
    #expect(folder.names == ["model"])
  }

  @Test("Replacing takes away what was there, and makes folders above that are missing")
  func replacing() throws {
    try Folder.make(folder("model"))
    try folder.put("old", "model/other")
    try staged().replace()
    #expect(folder.text("model/weights") == "new" && folder.text("model/other") == nil)
    try staged("far/away/").replace()
    #expect(folder.text("far/away/weights") == "new" && folder.names == ["far", "model"])
  }

  @Test("Given up, nothing is left")
  func givenUp() throws {
    do { _ = try staged() }
    #expect(folder.names.isEmpty)
  }

  @Test("A file in the place of a folder is named")
  func inTheWay() throws {
    try folder.put("x", "file")
    for path in ["file", "file/below"] {
      let error = #expect(throws: FileError.self) { try Folder.make(folder(path)) }
      #expect(error?.localizedDescription.contains(folder(path)) == true)
    }
  }
}
