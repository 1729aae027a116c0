"""Opens a page that explains the API in headless Chromium: docs-page.py URL FOLDER

Exits 1 and says why where the page is not drawn, its style is not applied, a question cannot be sent from it, or the browser
complains: of a header that forbids its own script, for example.
"""

import sys

from browser import Browser, wait_for

url, folder = sys.argv[1:3]
with Browser(folder) as browser:
    browser.show(url, 1280, 900, "light")
    wait_for(lambda: browser.run("return [...document.querySelectorAll('main button')].length > 3"), 30)
    problems = browser.complaints()
    # A style that is not applied leaves the browser's own margin.
    if browser.run("return getComputedStyle(document.querySelector('.bar')).display") != "flex":
        problems.append("its style is not applied")
    answer = browser.run("return fetch('/predict', {method: 'POST', headers: {'Content-Type': 'application/json'}, body: '{\"input\": \"hi\"}'}).then(a => a.status)")
    if answer != 200:
        problems.append(f"a question that is sent from it gets {answer}")
print("\n".join(problems))
sys.exit(bool(problems))
