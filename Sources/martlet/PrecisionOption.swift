import ArgumentParser
import Transformer

/// What a model's layers are computed in.
struct PrecisionOption: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "What the layers are computed in: auto, f32, bf16 or int8.",
      discussion: """
        auto is bf16 where the CPU multiplies it, else f32; a model from martlet quantize is int8 and stays so.
        """))
  var precision = Precision.auto
}

extension Precision: ExpressibleByArgument {}
