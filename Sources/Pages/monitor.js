'use strict';
// Draws /monitor.json, or what a report brings along. Texts come in by textContent alone, so that a label or a feature's name can
// never be markup. Charts are SVG, which follows light and dark through CSS; every figure has data-value, the number as it came.
const svgNS = 'http://www.w3.org/2000/svg';
const at = id => document.getElementById(id);
const given = JSON.parse(at('given').textContent);
const known = v => v !== null && v !== undefined;
function element(name, attributes, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) node.setAttribute(key, value);
  node.append(...children);
  return node;
}
function drawn(name, attributes, text) {
  const node = document.createElementNS(svgNS, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  return node;
}
const percent = v => known(v) ? (100 * v).toFixed(1) + ' %' : '–';
const number = v => !known(v) ? '–' : Math.abs(v) >= 100 ? v.toFixed(0) : Number(v.toPrecision(3)).toString();
const megabytes = v => known(v) ? (v / 1048576).toFixed(1) + ' MB' : '–';
const range = (v, f) => v ? ' (' + f(v[0]) + ' to ' + f(v[1]) + ')' : '';
function figures(id, rows) {
  at(id).replaceChildren(...rows.map(([name, value, shown, key]) => element('div', {}, element('dt', {}, name),
    element('dd', { 'data-key': key || name, 'data-value': known(value) ? String(value) : '' }, shown))));
}
function table(id, heads, rows, empty) {
  if (!rows.length) { at(id).replaceChildren(element('p', {}, empty)); return; }
  const body = rows.map(cells => element('tr', {}, ...cells.map(c => {
    const cell = element('td', c && c.value !== undefined ? { 'class': 'number ' + (c.kind || ''), 'data-value': String(c.value) } : {});
    cell.append(c && c.text !== undefined ? c.text : String(c));
    return cell;
  })));
  at(id).replaceChildren(element('div', { 'class': 'scroll', tabindex: '0', role: 'region', 'aria-label': id, 'data-keep': id }, element('table', {},
    element('thead', {}, element('tr', {}, ...heads.map(h => element('th', { scope: 'col' }, h)))), element('tbody', {}, ...body))));
}
// What is drawn anew loses its focus, its scrolling and what was opened; this gives them back.
function keeping(body) {
  const kept = [...document.querySelectorAll('[data-keep]')].map(n => [n.dataset.keep, n.scrollLeft, n.parentNode.open]);
  const focus = document.activeElement && document.activeElement.dataset.keep;
  body();
  const found = new Map([...document.querySelectorAll('[data-keep]')].map(n => [n.dataset.keep, n]));
  for (const [key, left, open] of kept) {
    const node = found.get(key);
    if (!node) continue;
    node.scrollLeft = left;
    if (open) node.parentNode.open = true;
  }
  if (focus && found.has(focus)) found.get(focus).focus({ preventScroll: true });
}
const clock = t => new Date(t * 1000).toLocaleString([], { month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit' });
function frame(title, caption, svg, kind, key) {
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', title + ': ' + caption);
  return element('figure', { 'class': kind || '', 'data-name': key || title }, element('h3', {}, title), svg, element('figcaption', {}, caption));
}
function lines(title, times, lists, show) {
  const svg = drawn('svg', { viewBox: '0 0 300 110', preserveAspectRatio: 'none' });
  const all = lists.flatMap(l => l.values.filter(known));
  if (!all.length) return frame(title, 'nothing yet', svg);
  const top = Math.max(...all) || 1, low = Math.min(0, ...all);
  const x = t => times.length > 1 ? 4 + 292 * (t - times[0]) / (times[times.length - 1] - times[0]) : 150;
  const y = v => 98 - 88 * (v - low) / (top - low || 1);
  svg.append(drawn('line', { x1: 0, x2: 300, y1: 98, y2: 98, 'class': 'grid' }), drawn('line', { x1: 0, x2: 300, y1: 10, y2: 10, 'class': 'grid' }));
  lists.forEach((l, i) => {
    let path = '', isOn = false;
    l.values.forEach((v, j) => {
      if (!known(v)) { isOn = false; return; }
      path += (isOn ? 'L' : 'M') + x(times[j]).toFixed(1) + ' ' + y(v).toFixed(1);
      if (!isOn && !known(l.values[j + 1])) path += 'h5';
      isOn = true;
    });
    svg.append(drawn('path', { d: path, 'class': i ? 'b' : 'a', 'vector-effect': 'non-scaling-stroke' }));
  });
  const last = lists.map(l => l.name + ' ' + show(l.values.filter(known).at(-1))).join(', ');
  return frame(title, last + '; most ' + show(Math.max(...all)) + '; since ' + clock(times[0]), svg);
}
function bars(feature) {
  const svg = drawn('svg', { viewBox: '0 0 300 110', preserveAspectRatio: 'none' });
  const top = Math.max(...feature.reference, ...feature.current, 1e-9), step = 300 / feature.bins.length;
  feature.bins.forEach((bin, i) => {
    [['a', feature.reference[i], 0], ['b', feature.current[i], 0.42]].forEach(([kind, share, shift]) => {
      const high = 100 * share / top;
      const bar = drawn('rect', { x: (step * (i + .08 + shift)).toFixed(1), width: (step * .4).toFixed(1), y: (104 - high).toFixed(1), height: high.toFixed(1), 'class': kind });
      bar.append(drawn('title', {}, bin + ': ' + (kind === 'a' ? 'reference ' : 'now ') + percent(share)));
      svg.append(bar);
    });
  });
  const shift = known(feature.mean_difference) ? ', mean ' + (feature.mean_difference >= 0 ? '+' : '') + number(feature.mean_difference) : '';
  const figure = frame(feature.name.replaceAll('_', ' '), (feature.drifted ? 'drifted: ' : '') + 'PSI ' + number(feature.psi) +
    ', Jensen–Shannon ' + number(feature.jensen_shannon) + shift + ', adjusted p ' + number(feature.adjusted_p), svg, feature.drifted ? 'drifted' : '', feature.name);
  figure.setAttribute('data-psi', feature.psi);
  figure.append(element('details', {}, element('summary', { 'data-keep': 'bins of ' + feature.name }, 'Figures'), element('table', {},
    element('thead', {}, element('tr', {}, ...['Bin', 'Reference', 'Now'].map(h => element('th', { scope: 'col' }, h)))),
    element('tbody', {}, ...feature.bins.map((bin, i) => element('tr', {}, element('th', { scope: 'row' }, bin),
      ...[feature.reference[i], feature.current[i]].map(v => element('td', { 'class': 'number', 'data-value': String(v) }, percent(v)))))))));
  return figure;
}
const words = { keep: 'Keep the model', watch: 'Watch the model', retrain: 'Retrain the model' };
function draw(d) {
  at('verdict').className = d.verdict.action;
  at('verdict').dataset.value = d.verdict.action;
  at('verdict').textContent = words[d.verdict.action] + ' – ' + (d.verdict.evidence.length ? d.verdict.evidence.length + ' reason' + (d.verdict.evidence.length > 1 ? 's' : '') : 'nothing speaks against it');
  const active = d.alerts.active.filter(a => !a.silenced).length;
  at('active').replaceChildren(...(active ? [element('a', { href: '#h-alerts', 'data-keep': 'active' }, active + (active > 1 ? ' alerts are' : ' alert is') + ' active')] : ['No alert is active.']));
  at('active').dataset.value = String(active);
  at('evidence').replaceChildren(...(d.verdict.evidence.length ? d.verdict.evidence : ['Input, output and accuracy are like the reference as far as can be told.']).map(t => element('li', {}, t)));
  const r = d.retraining;
  at('retraining').textContent = !r ? '' : 'Retraining ' + r.number + ': ' + r.outcome + (known(r.exit_status) ? ' with status ' + r.exit_status : '') +
    ', begun ' + r.started + (known(r.seconds) ? ', took ' + number(r.seconds) + ' s' : '') + ', because ' + r.reason;
  at('retraining').dataset.value = r ? r.outcome : '';
  const pool = d.pool, s = d.series, l = pool.latency_ms;
  figures('traffic', [['Texts', pool.predictions, String(pool.predictions), 'predictions'], ['p50', l.p50, number(l.p50) + ' ms'], ['p90', l.p90, number(l.p90) + ' ms'],
    ['p99', l.p99, number(l.p99) + ' ms'], ['p99.9', l['p99.9'], number(l['p99.9']) + ' ms'], ['Budget burn, 1 h', d.burn.hour, number(d.burn.hour) + ' ×'], ['Budget burn, 5 min', d.burn.five_minutes, number(d.burn.five_minutes) + ' ×']]);
  const times = (kind, all) => Object.entries(all || {}).map(([name, t]) => [kind + name, { value: t.count, text: String(t.count) },
    ...['p50', 'p90', 'p99', 'p99.9'].map(q => ({ value: t[q], text: number(t[q]) + ' ms' }))]);
  table('latencies', ['Route or stage', 'Requests', 'p50', 'p90', 'p99', 'p99.9'], times('', pool.routes).concat(times('stage: ', pool.stages)), 'No request yet.');
  at('traffic-charts').replaceChildren(lines('Texts a second', s.time, [{ name: 'texts/s', values: s.texts }], number),
    lines('Latency in ms', s.time, [{ name: 'p50', values: s.p50_ms }, { name: 'p99', values: s.p99_ms }], number),
    lines('Failed answers a second', s.time, [{ name: 'failed', values: s.failed }], number));
  const mmd = d.drift.maximum_mean_discrepancy, domain = d.drift.domain_classifier;
  figures('drift', [['Evidence (log) of needed', d.drift.log_evidence, number(d.drift.log_evidence) + ' of ' + number(d.drift.log_threshold), 'log_evidence'],
    ['Embeddings: MMD²', mmd && mmd.statistic, mmd ? number(mmd.statistic) + ' (p ' + number(mmd.p) + ')' : '–', 'mmd'],
    ['Domain classifier AUC', domain && domain.statistic, domain ? number(domain.statistic) : '–', 'auc'], ['Window', d.window, d.window + ' texts', 'window']]);
  const outputs = ['class', 'confidence', 'entropy'], isOutput = f => outputs.includes(f.name) || f.name.startsWith('probability:');
  const worst = (a, b) => b.drifted - a.drifted || b.psi - a.psi;
  const inputs = d.features.filter(f => !isOutput(f)).sort(worst), isComponent = f => /^embedding_[0-9]+$/.test(f.name);
  at('features').replaceChildren(...inputs.filter(f => !isComponent(f)).map(bars));
  const components = inputs.filter(isComponent), moved = components.filter(f => f.drifted).length;
  at('components').replaceChildren(...(components.length ? [element('details', {}, element('summary', { 'data-keep': 'components' },
    'Components of the embedding: ' + components.length + ', drifted: ' + moved), element('div', { 'class': 'charts' }, ...components.map(bars)))] : []));
  at('predictions').replaceChildren(...d.features.filter(isOutput).map(bars), lines('Mean confidence', s.time, [{ name: 'confidence', values: s.confidence }], percent),
    ...s.classes.slice(0, 6).map(c => lines('Share of ' + c.label, s.time, [{ name: 'share', values: c.share }], percent)));
  table('quality', ['Check', 'Share', 'Limit', 'Means'], d.quality.map(q => [q.name.replaceAll('_', ' '), { value: q.rate, text: percent(q.rate), kind: q.alarm ? 'bad' : '' },
    { value: q.limit, text: percent(q.limit) }, q.means]), 'Nothing yet.');
  const p = d.performance;
  figures('accuracy', [['On the latest ' + (p.labels || 0) + ' labels', p.accuracy, percent(p.accuracy) + range(p.accuracy_interval, percent), 'accuracy'], ['Labels', d.labels.counted, String(d.labels.counted), 'labels'],
    ['Estimated without labels', p.estimated_accuracy, percent(p.estimated_accuracy) + range(p.estimated_interval, percent), 'estimated_accuracy'],
    ['On the reference', p.reference_accuracy, percent(p.reference_accuracy), 'reference_accuracy'], ['Macro-F1', p.macro_f1, known(p.macro_f1) ? number(p.macro_f1) : 'not defined'],
    ['Labels of earlier models', d.labels.earlier_model, String(d.labels.earlier_model), 'earlier_model'], ['Unknown labels', d.labels.unknown, String(d.labels.unknown), 'unknown'],
    ['Log loss', p.log_loss, number(p.log_loss)], ['Brier', p.brier, number(p.brier)], ['Calibration error', p.calibration_error, number(p.calibration_error)]]);
  at('accuracy-charts').replaceChildren(lines('Accuracy', s.time, [{ name: 'estimated', values: s.estimated_accuracy }, { name: 'on labels', values: s.accuracy }], percent));
  at('others').hidden = !d.other_models.length;
  table('others', ['Other model', 'Texts', 'Labels', 'Accuracy', 'Macro-F1'], d.other_models.map(m => [m.name, { value: m.texts, text: String(m.texts) }, { value: m.labels, text: String(m.labels) },
    { value: m.accuracy, text: percent(m.accuracy) + range(m.accuracy_interval, percent) }, { value: m.macro_f1, text: known(m.macro_f1) ? number(m.macro_f1) : 'not defined' }]), '');
  const machine = d.machine || {};
  figures('machine', [['Load', machine.load, number(machine.load), 'load'], ['Disk free', machine.disk_free_bytes, known(machine.disk_free_bytes) ? (machine.disk_free_bytes / 2 ** 30).toFixed(1) + ' GB' : '–', 'disk'],
    ['Events', machine.events_sent, number(machine.events_sent), 'events_sent'], ['Events dropped', machine.events_dropped, number(machine.events_dropped), 'events_dropped']]);
  table('workers', ['Worker', 'State', 'Requests', 'Queue', 'First slice p99, ms', 'CPU s', 'RSS', 'PSS', 'Threads', 'Files', 'Switches'], d.workers.map(w => [w.pid, w.state, { value: w.requests, text: String(w.requests) },
    { value: w.queue_depth, text: String(w.queue_depth) }, { value: w.first_slice_p99_ms, text: number(w.first_slice_p99_ms) }, { value: w.cpu_seconds, text: number(w.cpu_seconds) }, { value: w.rss_bytes, text: megabytes(w.rss_bytes) }, { value: w.pss_bytes, text: megabytes(w.pss_bytes) },
    String(w.threads), String(w.files), w.switches.join(' / ')]), 'No worker.');
  at('resource-charts').replaceChildren(lines('Cores in use', s.time, [{ name: 'cores', values: s.processor }], number), lines('Memory (PSS)', s.time, [{ name: 'pool', values: s.memory }], megabytes));
  table('alerts', ['State', 'Alert', 'Severity', 'Since', 'Until', 'Reason'], d.alerts.active.concat(d.alerts.history).map(a => [a.until ? 'over' : a.silenced ? 'silenced' : 'active',
    a.name + (a.subject ? ' (' + a.subject + ')' : ''), a.severity, a.since, a.until || '', a.ending ? a.reason + ' – over: ' + a.ending : a.reason]), 'No alert yet.');
  at('updated').textContent = 'as of ' + d.time + ', history: ' + d.store;
}
let timer;
async function refresh() {
  clearTimeout(timer);
  try {
    const answer = await fetch('/monitor.json?range=' + at('range').value, { cache: 'no-store' });
    if (!answer.ok) throw new Error('status ' + answer.status);
    const data = await answer.json();
    keeping(() => draw(data));
  } catch (error) { at('updated').textContent = 'not up to date: ' + error.message; }
  timer = setTimeout(refresh, 2000);
}
if (given) { at('controls').hidden = true; draw(given); } else {
  at('controls').addEventListener('submit', e => e.preventDefault());
  at('range').addEventListener('change', refresh);
  refresh();
}
