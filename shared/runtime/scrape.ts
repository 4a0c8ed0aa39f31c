import { Registry, type OpenMetricsContentType } from "prom-client";

export interface Scrape {
  contentType: string;
  body: string;
}

/**
 * The answer to a scrape: OpenMetrics, with exemplars, if the scraper asks for it. prom-client renames counters for
 * good when it writes OpenMetrics, so this writes copies of them.
 */
export async function scrape(registry: Registry, accept: string | undefined): Promise<Scrape> {
  if (!asksForOpenMetrics(accept)) return { contentType: registry.contentType, body: await registry.metrics() };
  const copy = new Registry<OpenMetricsContentType>();
  copy.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  const metrics = (await registry.getMetricsAsJSON()) as { name: string; type: unknown }[];
  for (const metric of metrics) {
    // By the OpenMetrics text format a counter is named without its suffix, and its samples with it.
    const name = metric.type === "counter" ? metric.name.replace(/_total$/, "") : metric.name;
    copy.registerMetric({ ...metric, name, get: () => Promise.resolve({ ...metric, name }) } as never);
  }
  return { contentType: copy.contentType, body: await copy.metrics() };
}

/** Prometheus sends both types with weights, its own favourite first. */
function asksForOpenMetrics(accept: string | undefined): boolean {
  const weights = new Map<string, number>();
  for (const part of (accept ?? "").toLowerCase().split(",")) {
    const [type, ...parameters] = part.split(";").map((text) => text.trim());
    // Version 1 and version 0.0.1, which is the same without units. A later one has other rules.
    const version = parameters.find((text) => text.startsWith("version="))?.slice(8);
    if (type === "application/openmetrics-text" && version !== undefined && !/^"?(0\.0\.1|1\.0\.0)"?$/.test(version))
      continue;
    const weight = Number(parameters.find((text) => text.startsWith("q="))?.slice(2) ?? 1);
    weights.set(type!, Math.max(weights.get(type!) ?? 0, weight));
  }
  const open = weights.get("application/openmetrics-text") ?? 0;
  return open > 0 && open >= (weights.get("text/plain") ?? 0);
}
