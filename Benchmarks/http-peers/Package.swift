// swift-tools-version: 6.1
import PackageDescription

// What Martlet's HTTP server is measured against; a package of its own, so that nothing else has to fetch SwiftNIO.
let package = Package(
  name: "http-peers",
  platforms: [.macOS(.v14)],
  dependencies: [
    .package(url: "https://github.com/hummingbird-project/hummingbird", exact: "2.28.1")
  ],
  targets: [
    .executableTarget(
      name: "hummingbird-peer",
      dependencies: [.product(name: "Hummingbird", package: "hummingbird")])
  ],
  swiftLanguageModes: [.v6]
)
