import Files
import Foundation
import Training

/// Shows training as it goes: on a terminal one line that is written over, elsewhere a line an epoch and a minute.
struct ProgressLine {
  private let isTerminal = Console.isErrorTerminal
  private var lastShown = ContinuousClock.now

  mutating func show(_ p: TrainingProgress) {
    if let message = p.message {
      Console.say((isTerminal ? "\r\u{1B}[K" : "") + message)
    }
    let now = ContinuousClock.now
    let pause = isTerminal ? Duration.milliseconds(200) : .seconds(60)
    guard p.validation != nil || now - lastShown > pause else { return }
    lastShown = now
    var text = String(
      format: "epoch %d  step %d/%d  loss %.4f  rate %.2e  %.0f tokens/s  %.0f s left", p.epoch,
      p.step, p.totalSteps, p.loss, p.learningRate, p.tokensPerSecond, p.secondsLeft)
    if let v = p.validation {
      text += String(
        format: "  validation %@ %.2f %%, loss %.4f%@", p.scoreName, v.score * 100, v.loss,
        p.isBest ? " *" : "")
    }
    let start = isTerminal ? "\r\u{1B}[K" : ""
    let end = isTerminal && p.validation == nil ? "" : "\n"
    Console.say(start + text, terminator: end)
  }
}
