"""Looks at /monitor in headless Chromium: dashboard.py BINARY SHOTS

Starts a daemon, gives it traffic that drifts and labels, and speaks WebDriver with chromedriver, both on ports of their own.
Prints a line for each check; screenshots go to the folder SHOTS.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

from browser import Browser, ask, wait_for

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Daemon"))
from daemon import Daemon

binary, shots = sys.argv[1:3]
failures = 0


def check(name, problems):
    """A check is well where it lists no problem."""
    global failures
    problems = list(problems)
    print(f"{'FAILED ' if problems else 'ok     '} {name}")
    for problem in problems[:12]:
        print(f"        {problem}")
    failures += bool(problems)


# Draws the API's answer at one moment in the page itself, so that both are of the same moment.
DRAWN = """
return fetch('/monitor.json?range=' + document.getElementById('range').value).then(a => a.json()).then(d => {
  keeping(() => draw(d));
  clearTimeout(timer);
  const shown = {};
  for (const node of document.querySelectorAll('[data-key]')) shown[node.dataset.key] = [node.dataset.value, node.textContent];
  const figures = [...document.querySelectorAll('figure')].map(f => [f.dataset.name, f.dataset.psi || '',
    [...f.querySelectorAll('td[data-value]')].map(t => t.dataset.value)]);
  const rows = id => [...document.querySelectorAll('#' + id + ' tbody tr')].map(r => [...r.children].map(c => c.dataset.value === undefined ? c.textContent : c.dataset.value));
  return { data: d, shown: shown, figures: figures, verdict: document.getElementById('verdict').dataset.value,
    text: document.getElementById('verdict').textContent, top: document.getElementById('verdict').getBoundingClientRect().bottom + scrollY,
    evidence: [...document.querySelectorAll('#evidence li')].map(l => l.textContent),
    quality: rows('quality'), workers: rows('workers'), alerts: rows('alerts'), latencies: rows('latencies') };
});
"""


def same(shown, value):
    return shown == "" if value is None else value is not None and shown != "" and float(shown) == float(value)


def differences(page):
    """What the page shows otherwise than the API has it."""
    data = page["data"]
    pool, performance, drift = data["pool"], data["performance"], data["drift"]
    expected = {
        "predictions": pool["predictions"], "p50": pool["latency_ms"]["p50"], "p90": pool["latency_ms"]["p90"],
        "p99": pool["latency_ms"]["p99"], "p99.9": pool["latency_ms"]["p99.9"],
        "Budget burn, 1 h": data["burn"]["hour"], "Budget burn, 5 min": data["burn"]["five_minutes"],
        "log_evidence": drift["log_evidence"], "window": data["window"],
        "mmd": (drift["maximum_mean_discrepancy"] or {}).get("statistic"),
        "auc": (drift["domain_classifier"] or {}).get("statistic"),
        "accuracy": performance.get("accuracy"), "labels": data["labels"]["counted"],
        "estimated_accuracy": performance["estimated_accuracy"],
        "reference_accuracy": performance["reference_accuracy"], "Macro-F1": performance.get("macro_f1"),
        "Log loss": performance.get("log_loss"), "Brier": performance.get("brier"),
        "Calibration error": performance.get("calibration_error"),
        "earlier_model": data["labels"]["earlier_model"], "unknown": data["labels"]["unknown"],
        "load": data["machine"]["load"], "disk": data["machine"]["disk_free_bytes"],
        "events_sent": data["machine"]["events_sent"], "events_dropped": data["machine"]["events_dropped"],
    }
    for key, value in expected.items():
        if not same(page["shown"].get(key, ["missing"])[0], value):
            yield f"{key}: shown {page['shown'].get(key)}, the API has {value}"
    for key in page["shown"].keys() - expected.keys():
        yield f"{key} is shown and not checked"
    if page["verdict"] != data["verdict"]["action"] or page["evidence"] != data["verdict"]["evidence"]:
        yield f"verdict {page['verdict']} {page['evidence']} for {data['verdict']}"
    figures = {name: (psi, bins) for name, psi, bins in page["figures"] if psi}
    for feature in data["features"]:
        psi, bins = figures.get(feature["name"], ("", []))
        wanted = [share for pair in zip(feature["reference"], feature["current"]) for share in pair]
        if not same(psi, feature["psi"]) or [float(share) for share in bins] != [float(share) for share in wanted]:
            yield f"{feature['name']}: PSI {psi} for {feature['psi']}, {bins} for {wanted}"
    for row, item in zip(page["quality"], data["quality"], strict=True):
        if not (same(row[1], item["rate"]) and same(row[2], item["limit"])):
            yield f"{row} for {item}"
    for row, item in zip(page["workers"], data["workers"], strict=True):
        values = [item[name] for name in ("requests", "queue_depth", "first_slice_p99_ms", "cpu_seconds", "rss_bytes", "pss_bytes")]
        if row[0] != str(item["pid"]) or not all(map(same, row[2:8], values)):
            yield f"{row} for {item}"
    alerts = data["alerts"]["active"] + data["alerts"]["history"]
    for row, item in zip(page["alerts"], alerts, strict=True):
        if not row[1].startswith(item["name"]) or row[5] != item["reason"]:
            yield f"{row} for {item}"
    times = pool["routes"] | {"stage: " + name: item for name, item in pool["stages"].items()}
    for row in page["latencies"]:
        item = times.pop(row[0])
        if not all(map(same, row[1:], [item["count"], item["p50"], item["p90"], item["p99"], item["p99.9"]])):
            yield f"{row} for {item}"
    if times:
        yield f"not shown: {times}"


# What axe-core's rules for names, roles and structure would say, as far as this page can break them.
STRUCTURE = """
const problems = [], say = t => problems.push(t);
if (document.documentElement.lang !== 'en' || !document.title) say('no language or no title');
if (document.querySelectorAll('h1').length !== 1 || document.querySelectorAll('main').length !== 1) say('not one h1 and one main');
let level = 1;
for (const h of document.querySelectorAll('h1, h2, h3')) { const l = Number(h.tagName[1]); if (l > level + 1) say('heading skips a level: ' + h.textContent); level = l; }
for (const n of document.querySelectorAll('select, input, textarea')) if (!n.labels.length && !n.ariaLabel) say('a field without a label: ' + n.id);
for (const n of document.querySelectorAll('svg')) if (n.getAttribute('role') !== 'img' || !n.getAttribute('aria-label')) say('a chart without a name');
for (const n of document.querySelectorAll('table')) if (!n.querySelector('th[scope=col]')) say('a table without column heads');
for (const n of document.querySelectorAll('section')) if (!document.getElementById(n.getAttribute('aria-labelledby'))) say('a section without a name');
for (const n of document.querySelectorAll('button, a, summary')) if (!n.textContent.trim()) say('a control without a name');
for (const n of document.querySelectorAll('*')) { const s = getComputedStyle(n); if (s.overflowX === 'auto' && n.scrollWidth > n.clientWidth && n.tabIndex < 0) say('what scrolls cannot be reached by keyboard: ' + n.className); }
const ids = [...document.querySelectorAll('[id]')].map(n => n.id);
if (new Set(ids).size !== ids.length) say('an id twice');
const status = document.getElementById('verdict');
if (status.getAttribute('role') !== 'status') say('the verdict is no status');
return problems;
"""

# The contrast of all text with its ground (WCAG 2.2, 1.4.3), and of lines and bars (1.4.11).
CONTRAST = """
const channel = v => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
const parse = c => c.match(/[\\d.]+/g).map(Number);
const light = c => 0.2126 * channel(c[0]) + 0.7152 * channel(c[1]) + 0.0722 * channel(c[2]);
const ground = n => { for (; n; n = n.parentElement) { const c = parse(getComputedStyle(n).backgroundColor); if (c.length < 4 || c[3] > 0) return c; } return [255, 255, 255]; };
const ratio = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
const problems = [];
for (const n of document.querySelectorAll('body *')) {
  const own = [...n.childNodes].some(c => c.nodeType === 3 && c.textContent.trim());
  const style = getComputedStyle(n);
  if (own && !(n instanceof SVGElement) && n.checkVisibility() && !['SCRIPT', 'STYLE', 'OPTION'].includes(n.tagName)) {
    const r = ratio(parse(style.color), ground(n));
    if (r < 4.5) problems.push(n.tagName + ' ' + n.className + ' "' + n.textContent.slice(0, 30) + '" ' + r.toFixed(2));
  }
  if (n instanceof SVGElement && ['rect', 'path'].includes(n.tagName)) {
    const r = ratio(parse(n.tagName === 'rect' ? style.fill : style.stroke), ground(n));
    if (r < 3) problems.push(n.tagName + ' ' + r.toFixed(2));
  }
}
return [...new Set(problems)];
"""


def feed(port):
    """Texts of the kind that the model knows, then of another; labels for some, one of them unknown."""
    def predict(name, text):
        return ask(port, "POST", "/predict", {"input": text}, {"X-Request-Id": name})[1]

    known = ["Ok lar see you at {0}", "WINNER!! Call 0906170{0} now to claim your prize", "Are we still on for dinner at {0}?"]
    for index in range(300):
        predict(f"known-{index}", known[index % 3].format(index))
    for index in range(450):
        predict(f"other-{index}", f"ПРИВЕТ {index} ЭТО НОВЫЙ ТЕКСТ 日本語 {index * 7}")
    for index in range(150):
        ask(port, "POST", "/feedback", {"request_id": f"known-{index}", "label": "spam" if index % 3 == 1 else "ham"})
        ask(port, "POST", "/feedback", {"request_id": f"other-{index}", "label": "spam" if index % 2 else "ham"})
    ask(port, "POST", "/feedback", {"request_id": "nobody", "label": "ham"})


def look(browser, page, admin):
    browser.show(page, 1280, 900, "light")
    wait_for(lambda: browser.run("return document.getElementById('updated').textContent.startsWith('as of')"))
    drawn = browser.run(DRAWN)
    check("every value that is shown is the API's", differences(drawn))
    check("the traffic was seen and has drifted", [] if drawn["verdict"] != "keep" and drawn["data"]["features"] else [drawn["text"]])
    check("the verdict stands at the top", [] if drawn["top"] < 300 else [f"its lower edge is at {drawn['top']}"])
    for width, height, scheme in [(1280, 900, "light"), (1280, 900, "dark"), (390, 844, "light"), (390, 844, "dark")]:
        name = f"{width}-{scheme}"
        browser.show(page, width, height, scheme)
        wait_for(lambda: browser.run("return document.querySelectorAll('figure').length > 10"))
        browser.run("for (const d of document.querySelectorAll('#components details, [data-name=script] details')) d.open = true;")
        check(f"{name}: names, roles and structure", browser.run(STRUCTURE))
        check(f"{name}: contrast", browser.run(CONTRAST))
        wide = browser.run("return [document.documentElement.scrollWidth, innerWidth]")
        check(f"{name}: nothing to scroll sideways", [] if wide[0] <= wide[1] and wide[1] == width else [f"{wide[0]} of {wide[1]}"])
        browser.shot(os.path.join(shots, name + ".png"))
    keyboard(browser, page)
    live(browser, page, admin)
    check("the browser has nothing to complain of", browser.complaints())


def keyboard(browser, page):
    browser.show(page, 1280, 900, "light")
    wait_for(lambda: browser.run("return document.querySelectorAll('figure').length > 10"))
    reached, unseen = [], []
    for _ in range(60):
        browser.press("\ue004")
        name, outline = browser.run(
            "const n = document.activeElement; return [n.id || n.dataset.keep || n.tagName, getComputedStyle(n).outlineStyle];"
        )
        if name in reached or name == "BODY":
            break
        reached.append(name)
        if outline == "none":
            unseen.append(name)
    wanted = ["range", "quality", "workers", "alerts", "bins of script"]
    check("all that can be used is reached by the tab key", [name for name in wanted if name not in reached])
    check("where the focus is can be seen", unseen)
    browser.run("document.querySelector('[data-keep=\"bins of script\"]').focus()")
    browser.press("\ue007")
    opened = "return [document.activeElement.dataset.keep, document.activeElement.parentNode.open]"
    before = browser.run("return document.getElementById('updated').textContent")
    wait_for(lambda: browser.run("return document.getElementById('updated').textContent") != before)
    state = browser.run(opened)
    check("focus and what was opened outlive a refresh", [] if state == ["bins of script", True] else [state])


def live(browser, page, port):
    browser.run("document.getElementById('range').value = '900'; document.getElementById('range').dispatchEvent(new Event('change'));")
    before = browser.run("return document.querySelector('[data-key=predictions]').dataset.value")
    ask(port, "POST", "/predict", {"input": "one more"})
    began = time.time()
    wait_for(lambda: browser.run("return document.querySelector('[data-key=predictions]').dataset.value") != before)
    print(f"        a prediction is on the page after {time.time() - began:.1f} s")
    check("a time range can be chosen and the page goes on", [])


with tempfile.TemporaryDirectory() as folder:
    daemon = Daemon(
        binary, [f"sms={os.getcwd()}/Models/sms-spam", f"second={os.getcwd()}/Models/sms-spam", "-w", "2",
                 "--admin-bind", "127.0.0.1:0"], folder)
    port, admin = daemon.port(), daemon.port(admin=True)
    try:
        feed(port)
        wait_for(lambda: ask(admin, "GET", "/monitor.json")[1]["drift"]["since"] and ask(admin, "GET", "/monitor.json")[1]["alerts"]["active"], 90)
        with Browser(folder) as browser:
            look(browser, f"http://127.0.0.1:{admin}/monitor", port)
    finally:
        daemon.stop()
sys.exit(failures > 0)
