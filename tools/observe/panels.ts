/** A panel of a dashboard, without Grafana's boilerplate. */
export interface Panel {
  title: string;
  /** `ops`: events per second. */
  unit: "ops" | "s" | "bytes" | "short" | "percentunit";
  /** The meaning. */
  says: string;
  /** What to do if it is bad. It is in the panel's description and in the metrics page. */
  act: string;
  /** By legend. */
  queries: Record<string, string>;
  /** Yellow from the first on, red from the second on. */
  limits?: [number, number];
  stacked?: boolean;
}

export interface Dashboard {
  /** The file, and the address in Grafana. */
  uid: string;
  title: string;
  panels: Panel[];
}

export const rate = (series: string, by = ""): string =>
  `sum${by === "" ? "" : ` by (${by}) `}(rate(${series}[$__rate_interval]))`;

/** Of a histogram. `labels`: for example {how="acknowledged"}. */
export function quantiles(histogram: string, labels = ""): Record<string, string> {
  const of = (part: number): string =>
    `histogram_quantile(${part}, sum by (le) (rate(${histogram}_bucket${labels}[$__rate_interval])))`;
  return { p50: of(0.5), p95: of(0.95), p99: of(0.99) };
}

const COLUMNS = 3;
const [WIDTH, HEIGHT] = [24 / COLUMNS, 8];

/** As Grafana reads it. */
export function grafanaJson({ uid, title, panels }: Dashboard): string {
  const links = [{ type: "dashboards", tags: ["notifications"], asDropdown: true, title: "Other dashboards" }];
  const dashboard = {
    uid,
    title,
    tags: ["notifications"],
    timezone: "browser",
    schemaVersion: 39,
    version: 1,
    refresh: "10s",
    time: { from: "now-30m", to: "now" },
    editable: true,
    links,
    templating: { list: [] },
    annotations: { list: [] },
    panels: panels.map(panelJson),
  };
  return `${JSON.stringify(dashboard, undefined, 2)}\n`;
}

function panelJson({ title, unit, says, act, queries, limits, stacked }: Panel, index: number): object {
  const steps = limits && [
    { color: "green", value: null },
    { color: "yellow", value: limits[0] },
    { color: "red", value: limits[1] },
  ];
  return {
    id: index + 1,
    type: "timeseries",
    title,
    description: `${says} ${act}`,
    datasource: { type: "prometheus", uid: "prometheus" },
    gridPos: { h: HEIGHT, w: WIDTH, x: (index % COLUMNS) * WIDTH, y: Math.floor(index / COLUMNS) * HEIGHT },
    fieldConfig: {
      defaults: {
        unit,
        min: 0,
        ...(steps && { thresholds: { mode: "absolute", steps } }),
        custom: {
          fillOpacity: 10,
          ...(steps && { thresholdsStyle: { mode: "dashed" } }),
          ...(stacked && { stacking: { mode: "normal" } }),
        },
      },
      overrides: [],
    },
    options: { tooltip: { mode: "multi" }, legend: { displayMode: "list", placement: "bottom" } },
    targets: Object.entries(queries).map(([legend, expr], at) => ({
      refId: String.fromCharCode(65 + at),
      expr,
      legendFormat: legend,
      ...(expr.includes("_bucket") && { exemplar: true }),
    })),
  };
}
