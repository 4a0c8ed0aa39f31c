import { join, resolve } from "node:path";
import { parseAllDocuments } from "yaml";
import type { KubernetesObject } from "./policy.ts";
import { kubernetesTools, run } from "./tools.ts";

export const repository = resolve(import.meta.dirname, "../..");
export const chart = join(repository, "charts/saasaparilla-notifications");
/** The sets of values. Each file begins with its purpose. */
export const VALUES = ["none", "small", "external", "scaled", "scaled-by-cpu"];
export const valuesOf = (name: string): string => join(import.meta.dirname, "values", `${name}.yaml`);

/** The objects that `helm install` would send. */
export const template = (name: string): string =>
  run(kubernetesTools().helm, [
    "template",
    "platform",
    chart,
    "--namespace",
    "notifications",
    "--values",
    valuesOf(name),
  ]);

/** Removes the parts that Helm generates each time. */
export const rendered = (name: string): string =>
  template(name)
    .split(/^(?=---$)/m)
    .map((part) => (/^kind: Secret$/m.test(part) ? part.replace(/^( {2}[\w.-]+): [\w+/=]+$/gm, "$1: (made)") : part))
    .join("");

/** Kinds of other projects, without schemas here. */
const FOREIGN = ["ServiceMonitor", "PrometheusRule", "HTTPRoute"];

/** The kinds of a Kubernetes without additions. */
export const native = (text: string): string =>
  text
    .split(/^---$/m)
    .filter((part) => !FOREIGN.some((kind) => part.includes(`\nkind: ${kind}\n`)))
    .join("---\n");

export const objectsOf = (text: string): KubernetesObject[] =>
  parseAllDocuments(text).flatMap((document) => (document as { toJS(): KubernetesObject | null }).toJS() ?? []);
