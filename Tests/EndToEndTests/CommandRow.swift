/// One command as the tests drive it, with a file to read and what is written.
///
/// `{rows}`, `{texts}`, `{ids}` and so on in `arguments` are files of `CommandFolder`; one of them is `input`, which is then
/// missing, empty or standard input. `{out}` is where the command writes.
struct CommandRow: Sendable, CustomStringConvertible {
  /// What a command makes of a file without a byte, or of standard input.
  enum Verdict: Sendable {
    case accepted, refused
  }

  /// The subcommand as its help has it: `store migrate`.
  let name: String
  let arguments: [String]
  /// The placeholder that is the input; nil where nothing is read.
  let input: String?
  /// What becomes of an empty input.
  let empty: Verdict
  /// What becomes of `-`.
  let standardInput: Verdict
  /// What must be there after it, in place of `{out}`.
  let outputs: [String]
  /// Whether what it prints is the same at every run.
  let isDeterministic: Bool
  /// The exit code of an ordinary run.
  let code: Int32
  /// Whether the ordinary outcome is a refusal in one line, where a success would need another machine.
  let isRefused: Bool

  init(
    _ name: String, _ arguments: [String], input: String? = nil, empty: Verdict = .refused,
    standardInput: Verdict = .refused, outputs: [String] = [], isDeterministic: Bool = true,
    code: Int32 = 0, isRefused: Bool = false
  ) {
    (self.name, self.arguments, self.input, self.empty) = (name, arguments, input, empty)
    (self.standardInput, self.outputs, self.isDeterministic) =
      (standardInput, outputs, isDeterministic)
    (self.code, self.isRefused) = (code, isRefused)
  }

  var description: String { ([name] + arguments).joined(separator: " ") }

  private static let tiny = [
    "--width", "16", "--layers", "1", "--heads", "2", "--feed-forward", "32", "--batch", "8",
  ]
  private static let once = ["--epochs", "1", "--threads", "1"]

  /// At least one row for each subcommand.
  static let all: [CommandRow] = [
    CommandRow("serve", ["{model}", "--check-config"], input: "{model}"),
    CommandRow("serve", ["{model}", "--print-config"]),
    CommandRow(
      "train", ["{rows}", "-o", "{out}"] + tiny + once, input: "{rows}", standardInput: .accepted,
      outputs: ["{out}/model.safetensors", "{out}/config.json", "{out}/report.html"],
      isDeterministic: false),
    CommandRow(
      "schedule", ["cosine", "--steps", "10", "-o", "{out}.svg"], outputs: ["{out}.svg"]),
    CommandRow("schedule", ["all", "--steps", "10", "--csv"]),
    CommandRow(
      "lr-find", ["{rows}", "--steps", "20", "--threads", "1", "-o", "{out}.svg"] + tiny,
      input: "{rows}", standardInput: .accepted, outputs: ["{out}.svg"]),
    CommandRow(
      "tune",
      ["{rows}", "-o", "{out}", "--trials", "1", "--search", "random"] + once + ["--"] + tiny,
      input: "{rows}", outputs: ["{out}/report.html", "{out}/journal.jsonl"],
      isDeterministic: false),
    CommandRow(
      "study positions",
      ["-o", "{out}", "--encodings", "none", "--tasks", "first", "--rows", "100", "--width", "16"]
        + ["--layers", "1", "--data", "{rows}", "--validation", "{rows}", "--data-epochs", "1"]
        + once,
      input: "{rows}", outputs: ["{out}/report.html", "{out}/report.md", "{out}/first.svg"],
      isDeterministic: false),
    CommandRow("eval", ["{model}", "{rows}"], input: "{rows}", standardInput: .accepted),
    CommandRow(
      "predict", ["{model}", "{texts}"], input: "{texts}", empty: .accepted,
      standardInput: .accepted),
    CommandRow(
      "predict", ["{model}", "{texts}", "-o", "{out}.tsv"], input: "{texts}", empty: .accepted,
      standardInput: .accepted, outputs: ["{out}.tsv"]),
    CommandRow(
      "embed", ["{embedder}", "{texts}"], input: "{texts}", empty: .accepted,
      standardInput: .accepted),
    CommandRow(
      "embed", ["{embedder}", "{texts}", "-o", "{out}.npy"], input: "{texts}", empty: .accepted,
      standardInput: .accepted, outputs: ["{out}.npy"]),
    CommandRow(
      "tokenize", ["{model}", "{texts}"], input: "{texts}", empty: .accepted,
      standardInput: .accepted),
    CommandRow("inspect", ["{model}"], input: "{model}", isDeterministic: false),
    CommandRow(
      "quantize",
      ["{model}", "-o", "{out}", "--validation", "{rows}", "--threads", "1", "--max-drop", "100"],
      input: "{rows}", standardInput: .accepted,
      outputs: ["{out}/model.safetensors", "{out}/config.json"], isDeterministic: false),
    CommandRow(
      "profile", ["{copy}", "{rows}"], input: "{rows}", standardInput: .accepted,
      outputs: ["{copy}/reference.json"], isDeterministic: false),
    CommandRow(
      "report", ["--socket", "{admin}", "-o", "{out}.html"], input: "{admin}",
      outputs: ["{out}.html"]),
    CommandRow(
      "report", ["--socket", "{admin}", "--admin-token-file", "{secret}", "--json"],
      input: "{secret}", standardInput: .accepted, isDeterministic: false),
    CommandRow(
      "serve", ["{model}", "--check-config", "--admin-token-file", "{secret}"], input: "{secret}",
      standardInput: .accepted),
    CommandRow(
      "store backup", ["{store}", "{out}.db"], input: "{store}", empty: .accepted,
      outputs: ["{out}.db"], isDeterministic: false),
    CommandRow(
      "store migrate", ["{store}", "{out}.db"], input: "{store}", empty: .accepted,
      outputs: ["{out}.db"], isDeterministic: false),
    CommandRow(
      "bench forward", ["{model}", "--ids", "{ids}", "--seconds", "0.01"], input: "{ids}",
      standardInput: .accepted, isDeterministic: false),
    CommandRow(
      "bench tokenizer", ["{model}", "{texts}", "--rounds", "1"], input: "{texts}",
      standardInput: .accepted, isDeterministic: false),
    CommandRow(
      "bench training",
      ["--lengths", "{lengths}", "--threads", "1", "--vocabulary", "100", "--width", "16"]
        + ["--layers", "1", "--heads", "2", "--feed-forward", "32"],
      input: "{lengths}", standardInput: .accepted, isDeterministic: false),
    // Examines the machine that it runs on; nothing of ours is installed where the tests run.
    CommandRow("probe", ["--port", "1"], code: 1),
    CommandRow(
      "reload", ["--ready-file", "{serving}"], input: "{serving}", isDeterministic: false),
    CommandRow("doctor", ["--port", "1", "--admin-port", "0"], isDeterministic: false, code: 2),
    CommandRow("pull", ["../no/name"], code: 1, isRefused: true),
    CommandRow("models list", ["--json"]),
    CommandRow("models rm", ["no/such-model"], code: 1, isRefused: true),
    CommandRow("manual", []),
  ]
}
