"""Asks Prometheus every expression of the dashboard, and what it made of the nodes' metrics and of the alarms."""

import json
import sys
import time
import urllib.parse
import urllib.request

base, dashboard, population, tax = sys.argv[1:]


def get(path, **parameters):
    url = f"{base}{path}?{urllib.parse.urlencode(parameters)}"
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)["data"]


def ask(expression):
    return get("/api/v1/query", query=expression)["result"]


def number(expression):
    result = ask(expression)
    assert len(result) == 1, (expression, result)
    return float(result[0]["value"][1])


def until(what, true):
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.2)


until("both nodes are read", lambda: len(ask("up == 1")) == 2)
# The newest numbers are there a scrape after the last query.
answered = f'bridge_exchanges_total{{instance="{tax}", side="consumer", outcome="answered"}}'
refused = f'bridge_refusals_total{{instance="{tax}", type="server.clientproxy.access_denied"}}'
until("40 answers are counted", lambda: ask(answered) and number(answered) == 40)
until("40 refusals are counted", lambda: ask(refused) and number(refused) == 40)
kept = f'bridge_step_seconds_count{{instance="{population}", side="provider", step="answer_kept"}}'
until("both ends agree", lambda: number(kept) == 40)
assert number(f'bridge_ready{{instance="{tax}"}}') == 1
for target in get("/api/v1/targets")["activeTargets"]:
    assert target["health"] == "up" and not target["lastError"], target

panels = json.load(open(dashboard))["panels"]
expressions = [target["expr"] for panel in panels for target in panel["targets"]]
for expression in expressions:
    asked = expression.replace("$__rate_interval", "30s").replace("$node", ".*")
    # A rate needs two readings of a series, and one that counts refusals begins with the first of them.
    until(f"data: {asked}", lambda: ask(asked))
print(f"{len(expressions)} expressions of the dashboard have data")

groups = get("/api/v1/rules")["groups"]
rules = {rule["name"]: rule for group in groups for rule in group["rules"]}
assert len(rules) >= 8, rules.keys()
for name, rule in rules.items():
    assert rule["health"] == "ok", rule
    assert rule["state"] != "firing", name
print(f"{len(rules)} alarms are evaluated, none is raised")
try:
    ask("bridge_ready{")
    sys.exit("a broken expression was answered")
except urllib.error.HTTPError:
    print("a broken expression is refused")
