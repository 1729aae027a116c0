// swift-tools-version: 6.1
import PackageDescription

// The programs of benchmarks that measure a part of Martlet in their own process; all others drive the `martlet` binary.
// `Benchmarks/NAME/run` builds what it needs.
let parts = Target.Dependency.product(name: "MartletParts", package: "martlet")

let package = Package(
  name: "martlet-benchmarks",
  dependencies: [
    .package(name: "martlet", path: ".."),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
  ],
  targets: [
    .executableTarget(name: "load-generator", dependencies: [parts], path: "overload/loader"),
    .executableTarget(name: "forward-time", dependencies: [parts], path: "predict/forward-time"),
    .executableTarget(
      name: "drift-benchmark", dependencies: [parts], path: "drift",
      exclude: ["compare", "peers.py", "requirements-alibi.txt", "requirements.txt", "run"]),
    .executableTarget(
      name: "estimate-benchmark", dependencies: [parts], path: "estimate",
      exclude: ["nannyml_cbpe.py", "run"]),
    .executableTarget(
      name: "events-benchmark",
      dependencies: [parts, .product(name: "Logging", package: "swift-log")],
      path: "events", exclude: ["run", "flood.py"]),
  ],
  swiftLanguageModes: [.v6]
)
