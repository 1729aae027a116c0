import Foundation
import Transformer

// forward-time MODEL-DIRECTORY TEXTS: the model's own microseconds a text, tokenised and predicted one by one and in batches of
// eight, for the texts in a file, one a line.

/// The median over two seconds of the microseconds a text in batches of `size`.
func microseconds(_ model: TextModel, _ inputs: [TextInput], batch size: Int) throws -> Double {
  let batches = stride(from: 0, to: inputs.count * size, by: size).map { start in
    (start..<start + size).map { inputs[$0 % inputs.count] }
  }
  let clock = ContinuousClock()
  var times: [Double] = []
  let end = clock.now + .seconds(2)
  while clock.now < end {
    let time = try clock.measure { for batch in batches { _ = try model.predict(batch) } }
    times.append(time / .microseconds(1) / Double(batches.count * size))
  }
  return times.sorted()[times.count / 2]
}

guard CommandLine.arguments.count == 3 else {
  print("usage: forward-time MODEL-DIRECTORY TEXTS")
  exit(64)
}
// As it is served.
let model = try TextModel.load(directory: CommandLine.arguments[1], precision: .auto)
let inputs = try String(contentsOfFile: CommandLine.arguments[2], encoding: .utf8)
  .split(separator: "\n").map { TextInput(String($0)) }
guard !inputs.isEmpty else {
  print("\(CommandLine.arguments[2]) has no line")
  exit(65)
}
let times = try [1, 8].map { try microseconds(model, inputs, batch: $0) }
print(times.map { String(format: "%.1f", $0) }.joined(separator: " "))
