import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { chart, repository } from "./render.ts";

interface Rules {
  rules?: { seriesQuery: string }[];
  groups?: { rules: { alert: string; expr: string }[] }[];
}

/** Series that alerts and the adapter's rules read and no service of ours has: such a rule would never say anything. */
export function unknownSeries(): string[] {
  const source = globSync("{services,shared}/**/*.ts", {
    cwd: repository,
    exclude: (path) => path.includes("node_modules"),
  })
    .map((path) => readFileSync(join(repository, path), "utf8"))
    .join("\n");
  const read = (name: string): Rules => parse(readFileSync(join(chart, "files", name), "utf8")) as Rules;
  const asked = [
    ...(read("adapter-rules.yaml").rules ?? []).map(({ seriesQuery }) => seriesQuery),
    ...(read("alerts.yaml").groups ?? []).flatMap(({ rules }) => rules.map(({ expr }) => expr)),
  ];
  const names = new Set(
    asked.flatMap((query) =>
      [...query.matchAll(/([a-z_0-9]{4,})(?=[{[])|(?<=\()[a-z_0-9]{4,}(?=\) >)/g)].map(([name]) => name),
    ),
  );
  // What prom-client says of every process.
  const known = (name: string): boolean =>
    name.startsWith("nodejs_") || source.includes(`"${name.replace(/_bucket$/, "")}"`);
  return [...names].filter((name) => !known(name));
}
