import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { repository } from "#local/process/paths.ts";
import { DASHBOARDS } from "#tools/observe/dashboards.ts";
import { readPromql } from "#tests/support/promql.ts";
import { allSeries, SERVICES, type Series } from "./metric-sources.ts";

export interface Alert {
  alert: string;
  expr: string;
  annotations: { summary: string; description: string };
}

export function alertRules(): Alert[] {
  const text = readFileSync(join(repository, "compose/observe/alerts.yaml"), "utf8");
  const { groups } = parse(text) as { groups: { rules: Alert[] }[] };
  return groups.flatMap(({ rules }) => rules);
}

const HEAD = `# Metrics

Every service answers \`GET /metrics\` in the text format of Prometheus. Each series has the label \`service\`. No label names a tenant or a client, so the number of series does not grow with your customers.

A scraper that asks for OpenMetrics gets it. The latency histograms then carry exemplars: the trace id of a sampled notification in each bucket. Prometheus asks for OpenMetrics by itself, and keeps exemplars with \`--enable-feature=exemplar-storage\`. [Traces](../operations/tracing.md) explains what is sampled.

Besides these, each service has the default series of the Node client library: \`process_*\` for CPU, memory and open files, and \`nodejs_*\` for the event loop, heap and collector.

\`npx just metrics\` writes this page from the code, the [alerts](../operations/alerts.md) and the Grafana dashboards, and a test compares them.
`;

/** docs/reference/metrics.md */
export async function metricsDocument(): Promise<string> {
  const series = await allSeries();
  const advice = adviceBySeries();
  const sections = SERVICES.map((service) => {
    const own = series.filter(({ owner }) => owner === service);
    return own.length === 0 ? "" : section(titleOf(service), own, advice);
  });
  const shared = series.filter(({ owner }) => owner === undefined);
  return [HEAD, ...sections.filter((text) => text !== ""), section("Several services", shared, advice)].join("\n");
}

/** What an operator does if a series is bad: from the alerts on it, else from the panels that draw it. */
function adviceBySeries(): Map<string, string> {
  const rules = alertRules();
  const names = new Set(rules.map(({ alert }) => alert));
  const alerts = new Map<string, string[]>();
  for (const { alert, expr } of rules)
    for (const name of namesOf(expr)) {
      const links = alerts.get(name) ?? [];
      links.push(`[${alert}](../operations/runbooks.md#${alert.toLowerCase()})`);
      alerts.set(name, links);
    }
  const advice = new Map<string, string>();
  for (const { panels } of DASHBOARDS)
    for (const panel of panels)
      for (const expr of Object.values(panel.queries))
        for (const name of namesOf(expr)) if (!advice.has(name)) advice.set(name, linked(panel.act, names));
  for (const [name, links] of alerts) advice.set(name, [...new Set(links)].join(", "));
  return advice;
}

/** With links to the runbooks that it names. */
function linked(act: string, names: ReadonlySet<string>): string {
  const text = act.replaceAll(" in the runbooks", "");
  return text.replaceAll(/\b[A-Z][a-z]+[A-Z]\w+\b/g, (name) =>
    names.has(name) ? `[${name}](../operations/runbooks.md#${name.toLowerCase()})` : name,
  );
}

/** Without the endings of histograms. */
function namesOf(expr: string): string[] {
  const { metrics } = readPromql(expr.replaceAll("$__rate_interval", "1m"));
  return metrics.map((name) => name.replace(/_(bucket|count|sum)$/, ""));
}

function section(title: string, series: readonly Series[], advice: ReadonlyMap<string, string>): string {
  const several = title === "Several services";
  const rows = series.map(({ name, type, help, labels, services }) => {
    const told = labels.map((label) => `\`${label}\``).join(", ");
    const where = several ? ` ${services.length === SERVICES.length ? "all" : services.join(", ")} |` : "";
    return `| \`${name}\` | ${type} | ${told} |${where} ${cell(help)} | ${cell(advice.get(name) ?? "")} |`;
  });
  const columns = several
    ? ["series", "type", "labels", "services", "meaning", "when it is bad"]
    : ["series", "type", "labels", "meaning", "when it is bad"];
  return [
    `## ${title}`,
    "",
    `| ${columns.join(" | ")} |`,
    `| ${columns.map(() => "---").join(" | ")} |`,
    ...rows,
    "",
  ].join("\n");
}

const cell = (text: string): string => text.replaceAll("|", "\\|");
const titleOf = (service: string): string => service.charAt(0).toUpperCase() + service.slice(1);
