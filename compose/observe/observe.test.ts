import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { allSeries } from "#tools/docs/metric-sources.ts";
import { alertRules } from "#tools/docs/metrics-table.ts";
import { DASHBOARDS } from "#tools/observe/dashboards.ts";
import { grafanaJson } from "#tools/observe/panels.ts";
import { readPromql } from "#tests/support/promql.ts";

const repository = join(import.meta.dirname, "../..");
const read = (file: string): string => readFileSync(join(import.meta.dirname, file), "utf8");
const alerts = alertRules();
const panels = DASHBOARDS.flatMap(({ uid, panels: some }) => some.map((panel) => ({ uid, ...panel })));
const drawn = panels.flatMap(({ queries }) => Object.entries(queries));
const PROCESS = /^(process|nodejs)_/;
/** Prometheus adds the first two. The rest are of histograms and of each service. */
const ALWAYS = ["job", "instance", "service", "le"];

const plain = (expr: string): string => expr.replaceAll("$__rate_interval", "1m");
/** `sum by (a, b)` and `{a="b"}` alike. */
const known = new Map([["up", [] as readonly string[]]]);
for (const { name, type, labels } of await allSeries()) {
  const both = [...(known.get(name) ?? []), ...labels];
  known.set(name, both);
  if (type === "histogram") for (const end of ["bucket", "count", "sum"]) known.set(`${name}_${end}`, both);
}

/** What an expression reads and no service has. */
function unknownIn(expr: string): string[] {
  const { metrics, labels } = readPromql(plain(expr));
  const ours = metrics.filter((name) => !PROCESS.test(name));
  const allowed = [...ALWAYS, ...ours.flatMap((name) => known.get(name) ?? [])];
  return [...ours.filter((name) => !known.has(name)), ...labels.filter((label) => !allowed.includes(label))];
}

test("each query of a dashboard reads series and labels that exist, and its legend shows labels of the query", () => {
  expect(drawn.length).toBeGreaterThan(100);
  expect(drawn.flatMap(([, expr]) => unknownIn(expr).map((name) => `${name} in ${expr}`))).toEqual([]);
  const unshown = drawn.flatMap(([legend, expr]) => {
    // A query without a sum keeps all labels of its series.
    const kept = /\bby \(/.test(expr) ? readPromql(plain(expr)).labels : [...ALWAYS, "transport"];
    return Array.from(legend.matchAll(/\{\{(\w+)\}\}/g), ([, label]) => label!)
      .filter((label) => !kept.includes(label))
      .map((label) => `${label} in ${legend}: ${expr}`);
  });
  expect(unshown).toEqual([]);
});

test("each alert reads series and labels that exist", () => {
  expect(alerts.length).toBeGreaterThan(20);
  expect(alerts.flatMap(({ alert, expr }) => unknownIn(expr).map((name) => `${name} in ${alert}`))).toEqual([]);
});

test("an unknown series or label is found", () => {
  expect(unknownIn("sum by (colour) (rate(notifications_settled_total[1m]))")).toEqual(["colour"]);
  expect(unknownIn("sum(rate(notifications_lost_total[1m]))")).toEqual(["notifications_lost_total"]);
});

test("no panel or alert groups by client or tenant, because there may be a hundred million", () => {
  const labels = [...drawn.map(([, expr]) => expr), ...alerts.map(({ expr }) => expr)].flatMap(
    (one) => readPromql(plain(one)).labels,
  );
  expect(labels).toContain("reason");
  expect(labels.filter((name) => ["client", "tenant"].includes(name))).toEqual([]);
});

test("Grafana's files match their source; else: npx just dashboards", () => {
  const files = globSync("grafana/dashboards/*.json", { cwd: import.meta.dirname });
  expect(files.toSorted()).toEqual(DASHBOARDS.map(({ uid }) => `grafana/dashboards/${uid}.json`).toSorted());
  for (const dashboard of DASHBOARDS)
    expect(read(`grafana/dashboards/${dashboard.uid}.json`)).toBe(grafanaJson(dashboard));
});

test("each service has a dashboard, and each panel says what it shows and what to do", () => {
  const services = globSync("services/*/main.ts", { cwd: repository })
    .map((path) => path.split("/")[1]!)
    .filter((service) => service !== "provision");
  const uids = DASHBOARDS.map(({ uid }) => uid);
  expect(uids).toEqual(expect.arrayContaining(services.map((service) => `notifications-${service}`)));
  for (const { uid, title, says, act, unit, queries } of panels) {
    expect(says, `${uid}: ${title}`).toMatch(/^[A-Za-z0-9/].*\.$/);
    expect(act, `${uid}: ${title}`).toMatch(/\.$/);
    const [first] = Object.values(queries);
    // A part per second is no number of seconds.
    if (unit === "ops") expect(first, `${uid}: ${title}`).toContain("rate(");
    if (unit === "s") expect(first, `${uid}: ${title}`).toMatch(/_seconds/);
    if (unit === "bytes") expect(first, `${uid}: ${title}`).toMatch(/_bytes/);
  }
});

test("each alert that a panel names exists", () => {
  const names = new Set(alerts.map(({ alert }) => alert));
  const named = panels.flatMap(({ act }) => act.match(/\b[A-Z][a-z]+(?:[A-Z][a-z]+)+\b/g) ?? []);
  expect(named.length).toBeGreaterThan(20);
  expect(named.filter((name) => !names.has(name))).toEqual([]);
});

test("each alert has an entry in the runbooks, and a test for Prometheus with the alert and without it", () => {
  const runbooks = readFileSync(join(repository, "docs/operations/runbooks.md"), "utf8");
  const headings = Array.from(runbooks.matchAll(/^### (\w+)$/gm), ([, name]) => name!);
  const names = alerts.map(({ alert }) => alert);
  expect(headings.filter((heading) => /^[A-Z]\w*[A-Z]/.test(heading) || names.includes(heading)).toSorted()).toEqual(
    names.toSorted(),
  );
  const { tests } = parse(read("alerts.test.yaml")) as {
    tests: { alert_rule_test: { alertname: string; exp_alerts?: unknown[] }[] }[];
  };
  const cases = tests.flatMap(({ alert_rule_test: some }) => some);
  const raised = (is: boolean): Set<string> =>
    new Set(cases.filter(({ exp_alerts: some }) => (some ?? []).length > 0 === is).map(({ alertname }) => alertname));
  expect(names.filter((name) => !raised(true).has(name))).toEqual([]);
  expect(names.filter((name) => !raised(false).has(name))).toEqual([]);
});

test("the chart has the same alerts", () => {
  const chart = join(repository, "charts/saasaparilla-notifications/files/alerts.yaml");
  expect(readFileSync(chart, "utf8")).toBe(read("alerts.yaml"));
});
