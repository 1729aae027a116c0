import JSON
import Tensor

extension Architecture {
  /// ERNIE (Sun et al., 2020): `ErnieModel` without task ids. BERT's shape.
  static let ernie = Architecture(
    modelTypes: ["ernie"], classPrefix: "Ernie", tensorPrefix: "ernie.",
    read: { reader in
      if try reader.flag("use_task_id", false) {
        throw ModelError.unsupported(
          path: reader.path, what: "\"use_task_id\": true", supported: "ERNIE without task ids")
      }
      return try BERTLayout.read(reader)
    },
    headPlan: bert.headPlan, write: bert.write, names: bert.names,
    wordHeads: [.bert])
}
