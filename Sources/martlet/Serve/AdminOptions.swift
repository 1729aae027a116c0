import ArgumentParser

/// The listener of the operators.
struct AdminOptions: ParsableArguments {
  @Option(help: "Address of /metrics and /monitor; 'none' for no admin listener.")
  var adminBind = "127.0.0.1:5001"
  @Option(help: "File with the token that the admin listener asks for.") var adminTokenFile: String?

  var addresses: [String] { adminBind == "none" ? [] : [adminBind] }

  func token() throws -> String? { try adminTokenFile.map(SecretFile.read) }
}
