// Draws a form for each operation of /openapi.json, sends what is filled in, and shows the answer as it came. What comes from the
// server is put in as text, never as markup.
const main = document.getElementById("main");
const token = document.querySelector("#token input");

function field(parameter) {
  const schema = parameter.schema ?? {};
  const values = schema.enum ?? (schema.type === "boolean" ? ["true", "false"] : null);
  let input;
  if (values) {
    const choices = parameter.required ? values : ["", ...values];
    input = make("select", {}, ...choices.map((value) => make("option", { value, textContent: value || "—" })));
  } else {
    input = make("input", { type: schema.type === "integer" ? "number" : "text" });
  }
  input.name = parameter.name;
  const label = make("label", { title: parameter.description ?? "" }, parameter.name, input);
  return { parameter, input, label };
}

function shellQuoted(text) { return "'" + text.replaceAll("'", "'\\''") + "'"; }

function operation(path, method, described) {
  const fields = (described.parameters ?? []).map(field);
  const body = described.requestBody?.content?.["application/json"];
  const inside = make("div", { class: "inside" });
  if (described.description) inside.append(make("p", { textContent: described.description }));
  if (fields.length) inside.append(make("div", { class: "fields" }, ...fields.map((one) => one.label)));
  let text;
  if (body) {
    const examples = Object.entries(body.examples ?? {});
    text = make("textarea", { spellcheck: false, ariaLabel: "Body" });
    const show = (index) => { text.value = JSON.stringify(examples[index][1].value, null, 2); };
    if (examples.length) {
      const choice = make("select", {}, ...examples.map(([name], index) => make("option", { value: index, textContent: name })));
      choice.addEventListener("change", () => show(Number(choice.value)));
      show(0);
      inside.append(make("label", {}, "Example ", choice));
    }
    inside.append(text);
  }
  const send = make("button", { type: "button", textContent: "Send" });
  const output = make("div", { ariaLive: "polite" });
  inside.append(make("p", {}, send), output);
  const answers = Object.entries(described.responses).map(([status, one]) => `${status} ${one.description}`);
  inside.append(make("details", { class: "answers" }, make("summary", { textContent: "Answers" }),
    make("div", { class: "inside" }, ...answers.map((line) => make("p", { textContent: line })))));

  send.addEventListener("click", async () => {
    send.disabled = true;
    let target = path;
    const query = new URLSearchParams();
    const headers = {};
    for (const { parameter, input } of fields) {
      if (input.value === "") continue;
      if (parameter.in === "path") target = target.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
      else if (parameter.in === "query") query.set(parameter.name, input.value);
      else headers[parameter.name] = input.value;
    }
    if (query.size) target += "?" + query;
    if (text) headers["Content-Type"] = "application/json";
    if (token.value) headers["Authorization"] = "Bearer " + token.value;
    const curl = ["curl -s", shellQuoted(location.origin + target)];
    for (const [name, value] of Object.entries(headers)) {
      curl.push("-H " + shellQuoted(`${name}: ${name === "Authorization" ? "Bearer $TOKEN" : value}`));
    }
    if (text) curl.push("-d " + shellQuoted(text.value));
    const shown = [];
    const start = performance.now();
    try {
      const answer = await fetch(target, { method: method.toUpperCase(), headers, body: text?.value });
      const raw = await answer.text();
      const time = performance.now() - start;
      let pretty = raw;
      if (/json/.test(answer.headers.get("content-type") ?? "")) {
        try { pretty = JSON.stringify(JSON.parse(raw), null, 2); } catch { /* Shown as it came. */ }
      }
      const lines = [...answer.headers].map(([name, value]) => `${name}: ${value}`).join("\n");
      shown.push(
        make("p", {}, make("span", { class: answer.ok ? "status good" : "status bad",
          textContent: `${answer.status} ${answer.statusText}` }), ` in ${time.toFixed(1)} ms`),
        make("pre", { class: "answer", textContent: pretty || "(no body)" }),
        make("pre", { textContent: lines }));
    } catch (error) {
      shown.push(make("p", { class: "status bad", textContent: String(error) }));
    }
    output.replaceChildren(...shown, make("pre", { textContent: curl.join(" \\\n  ") }));
    send.disabled = false;
  });
  return make("details", { id: described.operationId }, make("summary", {},
    make("span", { class: "method", textContent: method.toUpperCase() }),
    make("span", { class: "path", textContent: path }),
    make("span", { class: "what", textContent: described.summary })), inside);
}

async function draw() {
  const description = await (await fetch("/openapi.json")).json();
  document.getElementById("about").textContent = description.info.description;
  document.getElementById("token").hidden = !description.components.securitySchemes;
  const groups = new Map(description.tags.map((tag) => [tag.name, make("section", {},
    make("h2", {}, tag.name + " ", make("small", { textContent: tag.description })))]));
  for (const [path, methods] of Object.entries(description.paths)) {
    for (const [method, described] of Object.entries(methods)) {
      groups.get(described.tags[0]).append(operation(path, method, described));
    }
  }
  main.replaceChildren(...groups.values());
  const first = document.getElementById(location.hash.slice(1)) ?? main.querySelector("details");
  if (first) first.open = true;
}
draw().catch((error) => main.replaceChildren(make("p", { class: "status bad", textContent: String(error) })));
