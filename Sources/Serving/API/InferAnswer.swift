import HTTP
import JSON
import Transformer

/// The answer of `/v2/models/{model}/infer`, in JSON, or with binary tensors behind it where they are asked for.
struct InferAnswer {
  let model: ModelDescription
  let request: InferRequest
  let predictions: [Prediction]

  func response() throws(Problem) -> Response {
    let all = model.outputs
    var wanted: [(output: TensorOutput, isBinary: Bool)] = []
    if let names = request.outputs {
      for (name, isBinary) in names {
        guard let output = all.first(where: { $0.name == name }) else {
          throw Problem(
            status: .badRequest,
            detail: "The model has no output of the name '\(name.prefix(64))'.",
            mend: "Use: \(all.map(\.name).joined(separator: ", ")).", pointer: "/outputs")
        }
        wanted.append((output, isBinary))
      }
    } else {
      wanted = all.map { ($0, request.isBinary) }
    }
    var json = JSONWriter(capacity: 256)
    var tail: [UInt8] = []
    json.raw(#"{"model_name":"#)
    json.string(model.name)
    json.raw(#","model_version":"#)
    json.string(model.version)
    if let id = request.id {
      json.raw(#","id":"#)
      json.string(id)
    }
    json.raw(#","outputs":"#)
    json.list(wanted) { entry, json in write(entry.output, entry.isBinary, &json, &tail) }
    json.raw("}")
    let bytes = try json.finished()
    if tail.isEmpty { return .json(.ok, bytes) }
    return Response(
      .ok, contentType: "application/octet-stream",
      fields: [("Inference-Header-Content-Length", "\(bytes.count)")], body: bytes + tail)
  }

  private func write(
    _ output: TensorOutput, _ isBinary: Bool, _ json: inout JSONWriter, _ tail: inout [UInt8]
  ) {
    json.raw(#"{"name":"#)
    json.string(output.name)
    json.raw(#","datatype":"#)
    json.string(output.datatype)
    json.raw(#","shape":["#)
    json.integer(predictions.count)
    if let width = output.width {
      json.raw(",")
      json.integer(width)
    }
    json.raw("]")
    if isBinary {
      let start = tail.count
      for prediction in predictions { Self.append(output.values(prediction), to: &tail) }
      json.raw(#","parameters":{"binary_data_size":"#)
      json.integer(tail.count - start)
      json.raw("}}")
    } else {
      json.raw(#","data":["#)
      for (index, prediction) in predictions.enumerated() {
        if index > 0 { json.raw(",") }
        json.flat(output.values(prediction))
      }
      json.raw("]}")
    }
  }

  private static func append(_ values: TensorOutput.Values, to bytes: inout [UInt8]) {
    func append(_ word: UInt32) {
      withUnsafeBytes(of: word.littleEndian) { bytes.append(contentsOf: $0) }
    }
    switch values {
    case .strings(let strings):
      for string in strings {
        append(UInt32(string.utf8.count))
        bytes.append(contentsOf: string.utf8)
      }
    case .numbers(let numbers): for number in numbers { append(number.bitPattern) }
    case .booleans(let booleans): bytes.append(contentsOf: booleans.map { $0 ? 1 : 0 })
    }
  }
}
