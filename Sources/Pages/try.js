"use strict";
// A form for the task of each model that `/` names, and its answer drawn: bars, marks in the text, vectors. What comes from the server
// is put in as text, never as markup.
const make = (tag, attributes = {}, ...children) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") node.className = value; else node[name] = value;
  }
  node.append(...children);
  return node;
};

const samples = {
  text: "WINNER! Claim your free prize now, text YES to 80086",
  texts: "How old are you?\nWhat is your age?\nBread is baked.",
  query: "How many people live in Berlin?",
  documents: "Berlin has 3.7 million inhabitants.\nBread is baked.",
  question: "How many people live in Berlin?",
  context: "Berlin is the capital of Germany. About 3.7 million people live in Berlin.",
  names: "Ada Lovelace was born in London.",
  mask: "The capital of France is [MASK].",
  parameters: { candidate_labels: "politics, sport, science" },
};

// One value a line, as a list.
const lines = (text) => text.split("\n").filter((line) => line.trim());

// What is asked of a task, and the body that the fields make. A model of another task takes what its description names.
const forms = {
  "sentence-embedding": { texts: ["texts"], body: ([texts]) => ({ input: lines(texts) }) },
  "regression": { texts: ["query", "documents"],
    body: ([query, documents]) => ({ input: lines(documents).map((text) => ({ text: query, text_pair: text })) }) },
  "token-classification": { texts: ["names"], body: ([text]) => ({ input: text }) },
  "masked-words": { texts: ["mask"], body: ([text]) => ({ input: text }) },
};
for (const [name, like] of [["sparse-embedding", "sentence-embedding"], ["multi-vector-embedding", "sentence-embedding"], ["fill-mask", "masked-words"]]) {
  forms[name] = forms[like];
}

function formOf(model) {
  const [first, second] = model.input ?? ["text"];
  if (forms[model.task]) return forms[model.task];
  if (first === "text") return { texts: ["text"], body: ([text]) => ({ input: text }) };
  return { texts: [first, second], body: ([a, b]) => ({ input: { [first]: a, [second]: b } }) };
}

function bars(rows) {
  const most = Math.max(1e-9, ...rows.map((row) => Math.abs(row.value)));
  const scale = rows.every((row) => row.value >= 0 && row.value <= 1) ? 1 : most;
  return make("table", { class: "bars" }, ...rows.map(({ label, value }) => {
    const bar = make("div", { class: value < 0 ? "bar-of negative" : "bar-of" });
    bar.style.width = `${(100 * Math.abs(value) / scale).toFixed(1)}%`;
    return make("tr", {}, make("td", { textContent: label }), make("td", {}, bar), make("td", { textContent: value.toPrecision(4) }));
  }));
}

// Places in texts are counted in Unicode code points.
function marked(text, spans) {
  const points = Array.from(text);
  const paragraph = make("p", { class: "marked" });
  let end = 0;
  for (const span of [...spans].sort((a, b) => a.start - b.start)) {
    if (span.start < end) continue;
    paragraph.append(points.slice(end, span.start).join(""));
    const mark = make("mark", { title: span.score?.toPrecision(4) ?? "" }, points.slice(span.start, span.end).join(""));
    if (span.label) mark.append(make("small", { textContent: span.label }));
    paragraph.append(mark);
    end = span.end;
  }
  paragraph.append(points.slice(end).join(""));
  return paragraph;
}

// A row of pixels for each vector, blue below zero and red above.
function vectors(rows) {
  const width = Math.max(1, ...rows.map((row) => row.length));
  const canvas = make("canvas", { width, height: rows.length, class: "vectors" });
  canvas.style.height = `${Math.max(16, 8 * rows.length)}px`;
  const most = Math.max(1e-9, ...rows.flat().map(Math.abs));
  const image = new ImageData(width, rows.length);
  rows.forEach((row, y) => row.forEach((value, x) => {
    const [strength, at] = [255 * (1 - Math.abs(value) / most), 4 * (y * width + x)];
    image.data.set(value < 0 ? [strength, strength, 255, 255] : [255, strength, strength, 255], at);
  }));
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

const dot = (a, b) => a.reduce((sum, value, index) => sum + value * b[index], 0);
const cosine = (a, b) => dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b) || 1);

// The cosines of all pairs, where there are several.
function cosines(rows) {
  if (rows.length < 2) return [];
  return [make("table", { class: "cosines" }, ...rows.map((a, place) => make("tr", {}, make("th", { textContent: place + 1 }),
    ...rows.map((b) => make("td", { textContent: cosine(a, b).toFixed(3) })))))];
}

const isNumber = (value) => typeof value === "number";
const labelOf = (one) => one.label ?? one.entity_group ?? one.entity ?? one.token_str ?? one.answer ?? one.token ?? one.text ?? "";
const scoreOf = (one) => one.score ?? one.weight ?? one.value;

// Draws one prediction by what it looks like; `asked` is what the model was asked about.
function drawn(prediction, scores, asked) {
  if (scores && !Array.isArray(scores)) return [bars(Object.entries(scores).map(([label, value]) => ({ label, value })))];
  if (isNumber(prediction)) return [bars([{ label: "score", value: prediction }])];
  if (prediction === null || typeof prediction !== "object") return [make("p", { class: "said", textContent: String(prediction) })];
  if (prediction.labels && prediction.scores) {
    return [bars(prediction.labels.map((label, place) => ({ label, value: prediction.scores[place] })))];
  }
  const list = Array.isArray(prediction) ? prediction : prediction.answers ?? prediction.spans ?? [prediction];
  if (list.every(isNumber) && list.length) return [vectors([list])];
  if (list.every((row) => Array.isArray(row) && row.every(isNumber)) && list.length) return [vectors(list)];
  if (list.every((row) => Array.isArray(row))) return list.flatMap((row) => drawn(row, null, asked));
  const text = typeof asked === "string" ? asked : asked?.context ?? asked?.text;
  const spans = list.filter((one) => isNumber(one?.start) && isNumber(one?.end) && one.end > one.start && one.label !== "O");
  const parts = [];
  if (spans.length && text) {
    const answers = spans.some((one) => "answer" in one);
    parts.push(marked(text, (answers ? spans.slice(0, 1) : spans).map((one) => ({ ...one, label: answers ? "" : labelOf(one) }))));
  }
  const scored = list.filter((one) => isNumber(scoreOf(one)));
  if (scored.length) parts.push(bars(scored.slice(0, 40).map((one) => ({ label: "token" in one && one.label ? `${one.token} ${one.label}` : String(labelOf(one)), value: scoreOf(one) }))));
  return parts;
}

function drawAnswer(answer, body) {
  const { prediction, scores } = answer;
  const isList = Array.isArray(body.input);
  if (!isList) return drawn(prediction, scores, body.input);
  if (prediction.every(isNumber)) {
    const rows = prediction.map((value, place) => ({ label: body.input[place].text_pair ?? String(body.input[place]), value }));
    return [bars(rows.sort((a, b) => b.value - a.value))];
  }
  if (prediction.every((row) => Array.isArray(row) && row.every(isNumber))) return [vectors(prediction), ...cosines(prediction)];
  return prediction.flatMap((one, place) => [make("p", { textContent: String(body.input[place].text ?? body.input[place]) }),
    ...drawn(one, scores?.[place], body.input[place])]);
}

function parameterField(name, schema) {
  const values = schema.enum ?? (schema.type === "boolean" ? ["true", "false"] : null);
  const input = values
    ? make("select", {}, ...["", ...values].map((value) => make("option", { value, textContent: value || "—" })))
    : make("input", { type: ["integer", "number"].includes(schema.type) ? "number" : "text", step: "any", value: samples.parameters[name] ?? "" });
  input.name = name;
  const read = () => {
    if (["integer", "number"].includes(schema.type)) return Number(input.value);
    return schema.type === "boolean" ? input.value === "true" : input.value;
  };
  return { name, input, read, label: make("label", { title: schema.description ?? "" }, name, input) };
}

async function drawTry() {
  const place = document.getElementById("try");
  const { models } = await (await fetch("/", { headers: { Accept: "application/json" } })).json();
  const choice = make("select", { name: "model" }, ...models.map((model, index) => make("option", { value: index, textContent: `${model.name} (${model.task})` })));
  const inside = make("div");
  const show = () => {
    const model = models[Number(choice.value)];
    const form = formOf(model);
    const texts = form.texts.map((name) => make("textarea", { name, value: samples[name] ?? "", rows: 1 + (samples[name] ?? "").split("\n").length, spellcheck: false }));
    const parameters = Object.entries(model.parameters ?? {}).map(([name, schema]) => parameterField(name, schema));
    const output = make("div", { class: "drawn", ariaLive: "polite" });
    const ask = make("button", { type: "button", textContent: "Ask" });
    ask.addEventListener("click", async () => {
      ask.disabled = true;
      const body = form.body(texts.map((one) => one.value));
      for (const { name, input, read } of parameters) if (input.value !== "") body[name] = read();
      const headers = { "Content-Type": "application/json" };
      const secret = document.querySelector("#token input").value;
      if (secret) headers.Authorization = "Bearer " + secret;
      try {
        const answer = await fetch(`${model.predict}?scores=true`, { method: "POST", headers, body: JSON.stringify(body) });
        const said = await answer.json();
        output.replaceChildren(...answer.ok ? drawAnswer(said, body)
          : [make("p", { class: "status bad", textContent: `${said.detail} ${said.mend}` })]);
      } catch (error) {
        output.replaceChildren(make("p", { class: "status bad", textContent: String(error) }));
      }
      ask.disabled = false;
    });
    inside.replaceChildren(
      ...texts.map((one) => make("label", {}, one.name, one)),
      ...parameters.length ? [make("div", { class: "fields" }, ...parameters.map((one) => one.label))] : [],
      make("p", {}, ask), output);
  };
  choice.addEventListener("change", show);
  show();
  place.replaceChildren(make("h2", { textContent: "Try a model" }), make("label", {}, "Model ", choice), inside);
}
drawTry().catch((error) => document.getElementById("try").replaceChildren(make("p", { class: "status bad", textContent: String(error) })));
