"""Checks a Grafana dashboard: grafana.py DASHBOARD PROMETHEUS

Its panels lie beside and below each other, name the data source by its variable, and every query, with Grafana's variables filled
in, finds series in a Prometheus that scrapes a pool. Queries are tried for a minute, because rates need two scrapes.
"""

import json
import sys
import time
import urllib.parse
import urllib.request

path, prometheus = sys.argv[1:3]
VARIABLES = {"$__rate_interval": "30s", "$__range": "30s", "$job": "martlet", "$instance": ".*"}
SOURCE = {"type": "prometheus", "uid": "${datasource}"}


def ask(path, **fields):
    with urllib.request.urlopen(f"{prometheus}/api/v1/{path}?{urllib.parse.urlencode(fields)}", timeout=30) as answer:
        return json.load(answer)["data"]


def found(expression):
    for name, value in VARIABLES.items():
        expression = expression.replace(name, value)
    return ask("query", query=expression)["result"]


with open(path) as file:
    dashboard = json.load(file)
problems = []
known = set(ask("label/__name__/values"))
taken = set()
queries = []
for panel in dashboard["panels"]:
    title, place = panel["title"], panel["gridPos"]
    cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
    if cells & taken or place["x"] + place["w"] > 24:
        problems.append(f"{title} lies over another or beyond the edge")
    taken |= cells
    for part in [panel, *panel["targets"]]:
        if part["datasource"] != SOURCE:
            problems.append(f"{title}: its data source is {part['datasource']}")
    queries += [(title, target["expr"]) for target in panel["targets"]]
for field, kind in [("uid", str), ("title", str), ("schemaVersion", int), ("templating", dict), ("time", dict)]:
    if not isinstance(dashboard.get(field), kind):
        problems.append(f"{field} is {dashboard.get(field)!r}")
for variable in dashboard["templating"]["list"]:
    if variable["type"] == "query" and variable["definition"].split("(")[1].split("{")[0].split(",")[0] not in known:
        problems.append(f"the variable {variable['name']} asks for what is not there")
end = time.monotonic() + 60
while queries and time.monotonic() < end:
    queries = [(title, expression) for title, expression in queries if not found(expression)]
    if queries:
        time.sleep(0.5)
problems += [f"{title}: nothing is found by {expression}" for title, expression in queries]
print("\n".join(problems))
sys.exit(bool(problems))
