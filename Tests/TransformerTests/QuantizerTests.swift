import Foundation
import Tensor
import Testing
import Transformer

@Suite("8-bit model directories")
struct QuantizerTests {
  static let model = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Models/sms-spam").path
  static let texts = [
    "WIN a FREE prize now, text CLAIM to 80082", "Are we still meeting for lunch at noon?",
    "URGENT! Your account has been awarded 2000 pounds", "ok", "Sorry, I'll call later",
  ]

  static func temporary() -> String {
    FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
  }

  @Test("Probabilities stay within two points of single precision, with and without smoothing")
  func staysClose() throws {
    let original = try TextModel.load(directory: Self.model)
    let wanted = try original.predict(Self.texts.map { TextInput($0) })
    for strength in [Float(0), 0.5] {
      let target = Self.temporary()
      defer { try? FileManager.default.removeItem(atPath: target) }
      try Quantizer.write(
        Self.model, to: target,
        calibration: QuantizationCalibration(original, texts: Self.texts, smoothing: strength))
      let found = try TextModel.load(directory: target).predict(Self.texts.map { TextInput($0) })
      for (a, b) in zip(wanted, found) {
        guard case .label(let label, let p) = a.value, case .label(let other, let q) = b.value
        else {
          Issue.record("a classifier gives labels")
          continue
        }
        #expect(label == other)
        #expect(zip(p, q).allSatisfy { abs($0 - $1) < 0.02 })
        #expect(p != q, "8 bits leave a trace; equal bits mean that nothing was quantised")
      }
    }
  }

  @Test("Writing what was read gives the same weights: quantising is its own inverse")
  func roundTrip() throws {
    let target = Self.temporary()
    defer { try? FileManager.default.removeItem(atPath: target) }
    try Quantizer.write(Self.model, to: target)
    let once = try ModelDirectory.read(target)
    #expect(once.quantization != nil)
    let stored = try Data(contentsOf: URL(fileURLWithPath: target + "/model.safetensors"))
    let copy = Self.temporary()
    defer { try? FileManager.default.removeItem(atPath: copy) }
    try ModelDirectory.write(once, to: copy)
    let again = try Data(contentsOf: URL(fileURLWithPath: copy + "/model.safetensors"))
    #expect(again.count == stored.count)
    let differing = zip(stored, again).reduce(0) { $0 + ($1.0 == $1.1 ? 0 : 1) }
    // The scales may move by their last bit; no weight may.
    #expect(differing * 1000 < stored.count)
  }

  @Test("An 8-bit model is not quantised again, and the directory stays whole")
  func refusesTwice() throws {
    let (target, second) = (Self.temporary(), Self.temporary())
    defer { try? FileManager.default.removeItem(atPath: target) }
    try Quantizer.write(Self.model, to: target)
    #expect(throws: ModelError.alreadyQuantized(path: target)) {
      try Quantizer.write(target, to: second)
    }
    #expect(!FileManager.default.fileExists(atPath: second))
  }
}
