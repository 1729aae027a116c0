import HTTP
import JSON
import Transformer

/// The body of `/v2/models/{model}/infer`: a tensor `text` of BYTES, and `text_pair` beside it for pairs, or what the task calls
/// them.
///
/// Data come as JSON strings, or by the binary tensor extension: behind a JSON head whose length is in
/// `Inference-Header-Content-Length`, each string is four bytes of length, little-endian, and its UTF-8 bytes.
struct InferRequest: Sendable {
  let id: String?
  let inputs: [TextInput]
  /// Which of the request's tensors holds the texts.
  private let textTensor: Int
  /// The outputs asked for; nil for all.
  let outputs: [(name: String, isBinary: Bool)]?
  /// Whether outputs that say nothing of it are to be binary.
  let isBinary: Bool

  static let example =
    #"{"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["text"]}]}"#

  init(_ request: Request, maximumTexts: Int, model: ModelDescription) throws(Problem) {
    let form = model.task.definition.input
    let (body, binary) = try Self.split(request)
    id = try body.optionalString("id", maximum: 1024)
    isBinary = try Self.parameters(body)["binary_data_output"]?.boolValue ?? false
    guard let tensors = body["inputs"]?.arrayValue, !tensors.isEmpty else {
      throw body.wrong("inputs", "missing, or not a list of tensors")
    }
    var rest = binary
    var columns: [String: [String]] = [:]
    var textTensor = 0
    for (index, tensor) in tensors.enumerated() {
      guard let object = tensor.objectValue else {
        throw body.wrong("inputs/\(index)", "\(tensor.kind), not a tensor")
      }
      let tensor = RequestBody(
        object: object, pointer: "/inputs/\(index)", example: Self.example)
      let name = try tensor.string("name")
      guard [form.first, form.second].contains(name), columns[name] == nil else {
        throw tensor.wrong(
          "name", "not one of '\(form.first)' and '\(form.second)', or there twice")
      }
      if name == form.first { textTensor = index }
      columns[name] = try Self.strings(tensor, maximum: maximumTexts, binary: &rest)
    }
    if !rest.isEmpty {
      throw Problem(
        status: .badRequest, detail: "\(rest.count) bytes stand behind the last binary tensor.",
        mend: "Let Inference-Header-Content-Length and binary_data_size be right.")
    }
    guard let texts = columns[form.first] else {
      throw body.wrong("inputs", "without the tensor '\(form.first)'")
    }
    let pairs = columns[form.second]
    if pairs == nil && form.isPair {
      throw body.wrong("inputs", "without the tensor '\(form.second)'")
    }
    if let pairs, pairs.count != texts.count {
      throw body.wrong(
        "inputs",
        "\(texts.count) rows of '\(form.first)' and \(pairs.count) of '\(form.second)': not as many"
      )
    }
    self.textTensor = textTensor
    let parameters = try Self.taskParameters(body, model)
    inputs = texts.indices.map {
      TextInput(texts[$0], pair: pairs?[$0], parameters: parameters)
    }
    outputs = try Self.outputs(body, isBinary: isBinary)
  }

  /// Where the text of a row stands.
  func pointer(_ row: Int) -> String { "/inputs/\(textTensor)/data/\(row)" }

  private static func split(_ request: Request) throws(Problem) -> (RequestBody, ArraySlice<UInt8>)
  {
    let bytes = request.body[...]
    guard let field = request.field("inference-header-content-length") else {
      return (try RequestBody(request, example: example), [])
    }
    guard let length = Int(field), length >= 0, length <= bytes.count else {
      throw Problem(
        status: .badRequest,
        detail: "Inference-Header-Content-Length is not a length within the body.",
        mend: "Send the length of the JSON in bytes, or no binary data.")
    }
    return (
      try RequestBody(bytes: bytes.prefix(length), example: example), bytes.dropFirst(length)
    )
  }

  private static func parameters(_ body: RequestBody) throws(Problem) -> JSONObject {
    guard let parameters = body["parameters"] else { return JSONObject() }
    guard let object = parameters.objectValue else {
      throw body.wrong("parameters", "\(parameters.kind), not an object")
    }
    return object
  }

  /// The request's parameters that the model's task knows; others are the protocol's.
  private static func taskParameters(
    _ body: RequestBody, _ model: ModelDescription
  ) throws(Problem) -> TaskParameters {
    let given = try parameters(body)
    var members = JSONObject()
    for parameter in model.task.definition.parameters(model.signature) {
      members[parameter.name] = given[parameter.name]
    }
    do throws(InputProblem) {
      if members["dimensions"] != nil {
        throw InputProblem(
          "Vectors have the width that the model's metadata tells.",
          mend: "Leave 'dimensions' out, or ask /predict.", pointer: "/dimensions")
      }
      return try TaskParameters(members, task: model.task, model: model.signature)
    } catch {
      throw Problem(error, at: "/parameters", example: example)
    }
  }

  private static func strings(
    _ tensor: RequestBody, maximum: Int, binary: inout ArraySlice<UInt8>
  ) throws(Problem) -> [String] {
    guard try tensor.string("datatype") == "BYTES" else {
      throw tensor.wrong("datatype", "not BYTES, which texts are")
    }
    let shape = tensor["shape"]?.arrayValue?.compactMap(\.intValue) ?? []
    guard shape.count == tensor["shape"]?.arrayValue?.count ?? -1,
      shape.count == 1 || (shape.count == 2 && shape[1] == 1), (1...maximum).contains(shape[0])
    else {
      throw tensor.wrong("shape", "not [n] or [n, 1] with n from 1 to \(maximum)")
    }
    let count = shape[0]
    if let size = try parameters(tensor)["binary_data_size"] {
      guard let size = size.intValue, (0...binary.count).contains(size), tensor["data"] == nil
      else {
        throw tensor.wrong("parameters", "of a binary_data_size that is not there")
      }
      let strings = try unpacked(binary.prefix(size), count: count, tensor)
      binary = binary.dropFirst(size)
      return strings
    }
    guard let data = tensor["data"]?.arrayValue else {
      throw tensor.wrong("data", "missing, or not a list")
    }
    // Row-major; nested as the shape is, or flat.
    let flat = data.flatMap { $0.arrayValue ?? [$0] }
    if flat.count != count {
      throw tensor.wrong("data", "\(flat.count) texts, but the shape is of \(count)")
    }
    var strings: [String] = []
    for (index, value) in flat.enumerated() {
      strings.append(
        try RequestBody.text(value, pointer: "\(tensor.pointer)/data/\(index)", example: example))
    }
    return strings
  }

  private static func unpacked(
    _ bytes: ArraySlice<UInt8>, count: Int, _ tensor: RequestBody
  ) throws(Problem) -> [String] {
    var (rest, strings): (ArraySlice<UInt8>, [String]) = (bytes, [])
    while strings.count < count {
      let length = rest.prefix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
      guard rest.count >= 4, length > 0, length <= rest.count - 4,
        let text = String(validating: rest.dropFirst(4).prefix(length), as: UTF8.self)
      else {
        throw tensor.wrong("parameters", "of binary data that are not \(count) texts in UTF-8")
      }
      strings.append(text)
      rest = rest.dropFirst(4 + length)
    }
    if !rest.isEmpty {
      throw tensor.wrong("parameters", "of binary data longer than \(count) texts")
    }
    return strings
  }

  private static func outputs(
    _ body: RequestBody, isBinary: Bool
  ) throws(Problem) -> [(name: String, isBinary: Bool)]? {
    guard let value = body["outputs"] else { return nil }
    guard let list = value.arrayValue else {
      throw body.wrong("outputs", "\(value.kind), not a list of tensors")
    }
    var outputs: [(name: String, isBinary: Bool)] = []
    for (index, value) in list.enumerated() {
      guard let object = value.objectValue else {
        throw body.wrong("outputs/\(index)", "\(value.kind), not a tensor")
      }
      let output = RequestBody(object: object, pointer: "/outputs/\(index)", example: example)
      let own = try parameters(output)["binary_data"]?.boolValue
      outputs.append((try output.string("name"), own ?? isBinary))
    }
    return outputs.isEmpty ? nil : outputs
  }
}
