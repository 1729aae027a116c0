import Transformer

extension Precision {
  /// The name in text-embeddings-inference's `model_dtype`.
  var textEmbeddingsName: String {
    switch self {
    case .f32, .auto: "float32"
    case .bf16: "bfloat16"
    case .int8: "int8"
    }
  }
}
