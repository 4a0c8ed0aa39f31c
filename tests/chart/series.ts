import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { readPromql } from "#tests/support/promql.ts";
import { chart, repository } from "./render.ts";

/** Series that the adapter's rules read and no service of ours has: an autoscaler would wait for them without end. */
export function unknownSeries(): string[] {
  const source = globSync("services/*/metrics.ts", { cwd: repository })
    .map((path) => readFileSync(join(repository, path), "utf8"))
    .join("\n");
  const text = readFileSync(join(chart, "files/adapter-rules.yaml"), "utf8");
  const { rules } = parse(text) as { rules: { seriesQuery: string }[] };
  const names = rules.map(({ seriesQuery }) => readPromql(seriesQuery).metrics[0] ?? seriesQuery);
  return names.filter((name) => !source.includes(`"${name}"`));
}
