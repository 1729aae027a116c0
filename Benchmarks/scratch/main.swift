import Foundation
import Tensor
import Transformer
let arguments = CommandLine.arguments
let parameters = try ModelDirectory.read(arguments[1])
let kernels = try Kernels.best()
let lengths = arguments.count > 2 ? arguments[2].split(separator: ",").map { Int($0)! } : [8, 16, 32, 64, 128, 256, 512]
let encoder = Encoder(Encoder.Weights(parameters, kernels: kernels), kernels: kernels)
let c = parameters.configuration
let set = InstructionSet(rawValue: kernels.name)!
let peak = set.measuredPeak(seconds: 0.3)
print(kernels.name, "peak", peak / 1e9)
let clock = ContinuousClock()
for n in lengths {
  let ids = (0..<n).map { Int32(1000 + ($0 * 7919) % 20000) }
  let batch = TokenBatch([ids])
  var times: [Double] = []
  var total = 0.0
  while total < 1.0 || times.count < 10 {
    let t = clock.measure { _ = encoder.hiddenStates(batch) } / .seconds(1)
    times.append(t); total += t
  }
  times.sort()
  let d = Double(c.hiddenSize), f = Double(c.feedForwardSize), t = Double(n)
  let linear = Double(c.layerCount) * 2 * t * (4 * d * d + 2 * d * f)
  let attention = Double(c.layerCount) * 4 * t * t * d
  let median = times[times.count / 2]
  print(String(format: "%4d tokens  min %.3f ms median %.3f ms  %.1f GFLOP/s  %.1f %% of peak", n, times[0] * 1e3, median * 1e3, (linear + attention) / times[0] / 1e9, (linear + attention) / times[0] / peak * 100))
}
