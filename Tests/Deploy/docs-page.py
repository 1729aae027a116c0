"""Opens the page that explains the API in headless Chromium, and asks every model from it: docs-page.py URL FOLDER

Exits 1 and says why where the page is not drawn, its style is not applied, a model cannot be asked or its answer is not drawn as its
task wants, or the browser complains: of a header that forbids its own script, for example. `/` is opened as well.
"""

import sys

from browser import Browser, wait_for

url, folder = sys.argv[1:3]
# What has to be drawn for a task; bars where nothing is said.
DRAWN = {
    "sentence-embedding": "canvas.vectors, .cosines",
    "multi-vector-embedding": "canvas.vectors",
    "token-classification": ".marked, .bars",
    "question-answering": ".marked mark, .bars",
}
ASK = """
const [index, done] = arguments;
const choice = document.querySelector('#try select[name=model]');
choice.value = index;
choice.dispatchEvent(new Event('change'));
document.querySelector('#try button').click();
const wait = setInterval(() => {
  const drawn = document.querySelector('#try .drawn');
  if (!drawn.children.length) return;
  clearInterval(wait);
  done({ text: choice.selectedOptions[0].textContent, bad: drawn.querySelector('.status.bad')?.textContent ?? '',
         found: [...drawn.querySelectorAll('*')].map((one) => one.tagName.toLowerCase() + [...one.classList].map((name) => '.' + name).join('')) });
}, 20);
"""


def tried(browser, index):
    """What is wrong with the answer of a model, asked by the form of its task."""
    answer = browser.do("/execute/async", {"script": ASK, "args": [index]})
    task = answer["text"].rpartition("(")[2].rstrip(")")
    if answer["bad"]:
        return [f"{answer['text']} cannot be asked: {answer['bad']}"]
    selector = DRAWN.get(task, ".bars")
    missing = [one for one in selector.split(", ") if not browser.run("return document.querySelector('#try .drawn').querySelector(arguments[0]) !== null", one)]
    return [f"{answer['text']}: {one} is not drawn, but {answer['found']}" for one in missing]


with Browser(folder) as browser:
    browser.show(url, 1280, 900, "light")
    wait_for(lambda: browser.run("return [...document.querySelectorAll('main button')].length > 3"), 90)
    problems = browser.complaints()
    # A style that is not applied leaves the browser's own margin.
    if browser.run("return getComputedStyle(document.querySelector('.bar')).display") != "flex":
        problems.append("its style is not applied")
    wait_for(lambda: browser.run("return document.querySelector('#try button') !== null"), 90)
    for index in range(browser.run("return document.querySelectorAll('#try select[name=model] option').length")):
        problems += tried(browser, index)
    answer = browser.run("return fetch('/predict', {method: 'POST', headers: {'Content-Type': 'application/json'}, body: '{\"input\": \"hi\"}'}).then(a => a.status)")
    if answer != 200:
        problems.append(f"a question that is sent from it gets {answer}")
    problems += browser.complaints()
    browser.show(url.removesuffix("docs"), 1280, 900, "light")
    if not browser.run("return document.querySelectorAll('#models td').length"):
        problems.append("/ names no model")
    problems += browser.complaints()
print("\n".join(problems))
sys.exit(bool(problems))
