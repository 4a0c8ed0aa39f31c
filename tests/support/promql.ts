import { parser } from "@prometheus-io/lezer-promql";

/** The metrics and labels that a PromQL expression reads. Throws at a syntax error. */
export function readPromql(expression: string): { metrics: string[]; labels: string[] } {
  const found = { metrics: [] as string[], labels: [] as string[] };
  parser.parse(expression).iterate({
    enter({ name, from, to, type }) {
      const text = expression.slice(from, to);
      if (type.isError) throw new Error(`${expression} is not PromQL, from character ${from}`);
      if (name === "LabelName") found.labels.push(text);
    },
    leave({ name, node }) {
      if (name !== "VectorSelector") return;
      const metric = node.getChild("Identifier");
      if (metric) found.metrics.push(expression.slice(metric.from, metric.to));
    },
  });
  return found;
}
