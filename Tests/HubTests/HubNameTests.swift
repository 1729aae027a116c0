import HubCache
import Testing

/// Names and settings, as huggingface_hub has them.
struct HubNameTests {
  @Test(arguments: [
    "bert-base-uncased", "BAAI/bge-small-en-v1.5", "a/b", "A_1/b.c-d_e", "x@main", "org/x@v1.0",
    "org/x@refs/pr/12", "org/x@0123456789abcdef0123456789abcdef01234567",
  ])
  func namesAreNames(text: String) throws {
    #expect(try #require(HubName(text)).description == text)
  }

  @Test(arguments: [
    "", "/", "a/", "/a", "a/b/c", "../x", "./x", "x/..", ".x", "x.", "-x", "x-", "a--b", "a..b",
    "x.git", "a b", "é", "x\n", "org/x@", "org/x@../../etc", "x@a b", "x@/main", "x@a//b", "x@a:b",
    String(repeating: "a", count: 97), "~/x", "a\\b",
  ])
  func pathsAndNonsenseAreNone(text: String) {
    #expect(HubName(text) == nil)
  }

  @Test func theCacheIsWherePythonHasIt() {
    func cache(_ environment: [String: String]) -> String {
      HubSettings(environment: environment.merging(["HOME": "/h"]) { a, _ in a }).cache
    }
    #expect(cache([:]) == "/h/.cache/huggingface/hub")
    #expect(cache(["XDG_CACHE_HOME": "/x"]) == "/x/huggingface/hub")
    #expect(cache(["XDG_CACHE_HOME": "/x", "HF_HOME": "/y"]) == "/y/hub")
    #expect(cache(["HF_HOME": "~/y"]) == "/h/y/hub")
    #expect(cache(["HF_HOME": "/y", "HUGGINGFACE_HUB_CACHE": "/v"]) == "/v")
    #expect(cache(["HF_HOME": "/y", "HUGGINGFACE_HUB_CACHE": "/v", "HF_HUB_CACHE": "/w"]) == "/w")
  }

  @Test func endpointAndSwitchesAreRead() {
    let plain = HubSettings(environment: ["HOME": "/nowhere"])
    #expect(plain.endpoint == "https://huggingface.co" && plain.token == nil && !plain.isOffline)
    let set = HubSettings(environment: [
      "HOME": "/nowhere", "HF_ENDPOINT": "http://127.0.0.1:1/", "HF_TOKEN": " hf_x\n",
      "HF_HUB_OFFLINE": "yes",
    ])
    #expect(set.endpoint == "http://127.0.0.1:1" && set.token == "hf_x" && set.isOffline)
  }
}
