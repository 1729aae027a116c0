import Foundation
import Testing
import Transformer

@Suite("Weights whose names a wrapper changed")
struct WrappedWeightsTests {
  /// The same model with its tensors renamed.
  private func renamed(_ rename: (String) -> String) throws -> String {
    let directory = try OddModel.write(
      family: "bert", tokenizer: OddModel.tokenizer(frame: OddModel.frame()))
    let file = try SafeTensors(path: directory + "/model.safetensors")
    let data = try Data(contentsOf: URL(fileURLWithPath: file.path))
    let tensors = file.entries.sorted { $0.key < $1.key }.map { name, entry in
      (name: rename(name), shape: entry.shape, bytes: Data(data[entry.bytes]))
    }
    try SafeTensors.encode(tensors).write(to: URL(fileURLWithPath: file.path))
    return directory
  }

  @Test(
    "DataParallel, Lightning and torch.compile are seen through",
    arguments: ["", "module.", "model.", "_orig_mod.", "module._orig_mod.", "_orig_mod.model."])
  func wrapped(prefix: String) throws {
    let plain = try renamed { $0 }
    let directory = try renamed { prefix + $0 }
    // The head's tensors may stand outside of what was wrapped.
    let partly = try renamed { $0.hasPrefix("classifier") ? $0 : prefix + $0 }
    defer {
      for path in [plain, directory, partly] { try? FileManager.default.removeItem(atPath: path) }
    }
    let wanted = try TextModel.load(directory: plain).predict([TextInput("hello")])
    #expect(try TextModel.load(directory: directory).predict([TextInput("hello")]) == wanted)
    #expect(try TextModel.load(directory: partly).predict([TextInput("hello")]) == wanted)
  }

  @Test("A name that is not there is told with the nearest that is")
  func nearest() throws {
    let directory = try renamed { "net.body." + $0 }
    defer { try? FileManager.default.removeItem(atPath: directory) }
    do {
      _ = try TextModel.load(directory: directory)
      Issue.record("nothing was refused")
    } catch {
      #expect(
        error.localizedDescription.contains("net.body.bert.embeddings.word_embeddings.weight"),
        "\(error.localizedDescription)")
    }
  }
}
