// swift-tools-version: 6.1
import PackageDescription

let log = Target.Dependency.product(name: "Logging", package: "swift-log")
let atomics = Target.Dependency.product(name: "Atomics", package: "swift-atomics")
let argumentParser = Target.Dependency.product(
  name: "ArgumentParser", package: "swift-argument-parser")

// Imports point downward only; ARCHITECTURE.md draws the layers.
let package = Package(
  name: "martlet",
  products: [
    .executable(name: "martlet", targets: ["martlet"]),
    // What reads files, for the fuzz targets in Fuzz/.
    .library(
      name: "MartletFiles", targets: ["JSON", "Tensor", "Tokenization", "Transformer", "HTTP"]),
    // What reads the datagrams between workers and health process, for its fuzz target.
    .library(name: "MartletEvents", targets: ["Health"]),
    // What reads martlet.toml, for its fuzz target.
    .library(name: "MartletSettings", targets: ["Settings"]),
    // What the programs of Benchmarks/ measure in their own process.
    .library(name: "MartletParts", targets: ["Health", "Training", "Transformer", "CEvents"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-atomics", from: "1.3.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
  ],
  targets: [
    .target(name: "CKernels"),
    .target(name: "CSystem"),
    .target(name: "CEvents"),
    .target(name: "CPostgres"),
    .systemLibrary(name: "COpenSSL", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"])]),
    .target(name: "JSON"),
    .target(name: "Files", dependencies: ["CZlib"]),
    .target(name: "Scoring"),
    .target(
      name: "Pages",
      resources: [
        .embedInCode("index.html"),
        .embedInCode("docs.html"), .embedInCode("docs.css"), .embedInCode("docs.js"),
        .embedInCode("try.js"),
        .embedInCode("monitor.html"), .embedInCode("monitor.css"), .embedInCode("monitor.js"),
        .embedInCode("report.html"), .embedInCode("report.css"),
      ]),
    .target(name: "Charts", dependencies: ["Files", "Pages"]),
    .target(name: "HubCache", dependencies: ["Files", "JSON"]),
    .target(name: "Hub", dependencies: ["COpenSSL", "Files", "HubCache", "JSON"]),
    .target(name: "Tensor", dependencies: ["CKernels"]),
    .target(name: "Tokenization", dependencies: ["Files", "JSON"]),
    .target(
      name: "Transformer", dependencies: ["Files", "HubCache", "Tensor", "Tokenization", "JSON"]),
    .target(
      name: "Training",
      dependencies: ["Files", "Transformer", "Tokenization", "Tensor", "JSON", "Scoring", "Charts"]),
    .target(
      name: "FileJobs",
      dependencies: [
        "Files", "Transformer", "Tokenization", "Training", "Tensor", "JSON", "Scoring",
      ]),
    .target(name: "Doctor", dependencies: ["JSON"]),
    .target(name: "HTTP", dependencies: ["CEvents", "COpenSSL", "CZlib", "JSON"]),
    .target(name: "Prefork", dependencies: ["CSystem", "Files", "JSON", atomics, log]),
    .target(name: "Health", dependencies: ["Files", "JSON", "Prefork", "Scoring", log]),
    .target(
      name: "History",
      dependencies: [
        "CPostgres", "Files", "Health", "JSON", .product(name: "GRDB", package: "GRDB.swift"), log,
      ]),
    .target(name: "Settings", dependencies: ["Files"]),
    .target(
      name: "Serving",
      dependencies: [
        "Files", "HTTP", "Prefork", "CSystem", "COpenSSL", "HubCache", "Tensor",
        "Transformer", "Health",
        "JSON",
        "Pages", log,
      ]),
    .executableTarget(
      name: "martlet",
      dependencies: [
        "Serving", "Settings", "History", "FileJobs", "Files", "HTTP", "Training", "Charts",
        "Transformer", "Tensor", "Health", "Prefork", "Doctor", "Hub", "HubCache", "CSystem",
        "JSON", log,
        argumentParser,
      ]),

    // Its main is for CPUs that the tests do not run on: `make test-arm`.
    .target(
      name: "KernelTable", dependencies: ["CKernels"], path: "Tests/KernelTable",
      exclude: ["main.c", "arm"]),
    .testTarget(name: "TensorTests", dependencies: ["Tensor", "KernelTable"]),
    .testTarget(name: "JSONTests", dependencies: ["JSON"]),
    .testTarget(name: "FilesTests", dependencies: ["Files"]),
    .testTarget(
      name: "TokenizationTests", dependencies: ["Tokenization", "JSON"], exclude: ["Fixtures"]),
    .testTarget(
      name: "TransformerTests", dependencies: ["Transformer", "Tokenization", "Tensor", "JSON"],
      exclude: ["Fixtures"]),
    .testTarget(
      name: "TrainingTests",
      dependencies: ["Files", "Training", "Transformer", "Tokenization", "Tensor", "JSON"],
      exclude: ["Fixtures"]),
    .testTarget(name: "PagesTests", dependencies: ["Pages"]),
    .testTarget(name: "ScoringTests", dependencies: ["Scoring"]),
    .testTarget(name: "ChartsTests", dependencies: ["Charts"]),
    .testTarget(
      name: "FileJobsTests", dependencies: ["FileJobs", "Files", "JSON", "Transformer", "Training"]),
    .target(name: "LoopbackClient", path: "Tests/LoopbackClient"),
    .target(name: "TestDaemon", dependencies: ["JSON"], path: "Tests/TestDaemon"),
    .executableTarget(name: "http-verdict", dependencies: ["HTTP"], path: "Tests/HTTPVerdict"),
    .testTarget(name: "HTTPTests", dependencies: ["HTTP", "LoopbackClient", "TestDaemon"]),
    .executableTarget(
      name: "pool-probe", dependencies: ["Prefork", "CSystem", log], path: "Tests/PoolProbe"),
    .executableTarget(
      name: "slice-storm", dependencies: ["Prefork", "CSystem"], path: "Tests/SliceStorm"),
    .testTarget(
      name: "PreforkTests",
      dependencies: ["Prefork", "CSystem", "JSON", "TestDaemon", "pool-probe", "slice-storm"]),
    .executableTarget(
      name: "sleeping-pool", dependencies: ["Serving", "Transformer", "Prefork", "CSystem", log],
      path: "Tests/SleepingPool"),
    .testTarget(name: "SettingsTests", dependencies: ["Settings"]),
    .testTarget(
      name: "HealthTests", dependencies: ["Health", "Prefork", "JSON", "TestDaemon", log],
      exclude: ["Fixtures"]),
    .testTarget(
      name: "HistoryTests", dependencies: ["History", "Health", "JSON", "TestDaemon", log]),
    .testTarget(
      name: "ServingTests",
      dependencies: [
        "Serving", "HTTP", "Prefork", "Health", "Transformer", "JSON", "LoopbackClient",
        "TestDaemon", "sleeping-pool",
      ]),
    .testTarget(name: "DoctorTests", dependencies: ["Doctor"]),
    .executableTarget(
      name: "small-hub", dependencies: ["SmallHub"], path: "Tests/SmallHubProgram"),
    .target(name: "SmallHub", dependencies: ["JSON", "COpenSSL"], path: "Tests/SmallHub"),
    .testTarget(
      name: "HubTests",
      dependencies: ["Hub", "HubCache", "Files", "JSON", "SmallHub", "TestDaemon"]),
    .testTarget(
      name: "EndToEndTests", dependencies: ["JSON", "LoopbackClient", "SmallHub", "TestDaemon"]),
  ],
  swiftLanguageModes: [.v6],
  cLanguageStandard: .c17
)
