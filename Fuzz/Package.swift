// swift-tools-version: 6.1
import PackageDescription

// One executable for each parser, driven by libFuzzer; `make fuzz TARGET=json SECONDS=60` at the
// root builds with the flags that this needs and runs one.
let files = Target.Dependency.product(name: "MartletFiles", package: "martlet")
let events = Target.Dependency.product(name: "MartletEvents", package: "martlet")
let settings = Target.Dependency.product(name: "MartletSettings", package: "martlet")
let names = ["safetensors", "tokenizer", "config", "text", "json", "http", "connection"]

let isSanitized = Context.environment["MARTLET_FUZZ_SANITIZED"] != nil

let package = Package(
  name: "martlet-fuzz",
  dependencies: [.package(name: "martlet", path: "..")],
  targets: [
    .target(
      name: "CMemoryMeter",
      cSettings: isSanitized ? [.define("MARTLET_FUZZ_SANITIZED")] : []),
    .target(name: "FuzzDriver", dependencies: ["CMemoryMeter"]),
  ]
    + names.map { .executableTarget(name: "fuzz-\($0)", dependencies: ["FuzzDriver", files]) }
    + [
      .executableTarget(name: "fuzz-events", dependencies: ["FuzzDriver", events]),
      .executableTarget(name: "fuzz-toml", dependencies: ["FuzzDriver", settings]),
    ],
  swiftLanguageModes: [.v6]
)
