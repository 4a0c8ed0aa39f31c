import { join, resolve } from "node:path";
import { parseAllDocuments } from "yaml";
import type { KubernetesObject } from "./policy.ts";
import { kubernetesTools, run } from "./tools.ts";

export const repository = resolve(import.meta.dirname, "../..");
export const chart = join(repository, "charts/saasaparilla-notifications");
/** Each file has a comment with its purpose. */
export const VALUES = ["none", "small", "external", "scaled", "scaled-by-cpu"];
export const valuesOf = (name: string): string => join(import.meta.dirname, "values", `${name}.yaml`);

/** As `helm install` would send it. */
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

/** Without the parts that Helm generates each time. */
export const rendered = (name: string): string =>
  template(name)
    .split(/^(?=---$)/m)
    .map((part) => (/^kind: Secret$/m.test(part) ? part.replace(/^( {2}[\w.-]+): [\w+/=]+$/gm, "$1: (made)") : part))
    .join("");

/** Kinds that are not Kubernetes' own: there are no schemas for them here. */
const FOREIGN = ["ServiceMonitor", "PrometheusRule", "HTTPRoute"];

/** The kinds that a Kubernetes without additions knows. */
export const native = (text: string): string =>
  text
    .split(/^---$/m)
    .filter((part) => !FOREIGN.some((kind) => part.includes(`\nkind: ${kind}\n`)))
    .join("---\n");

export const objectsOf = (text: string): KubernetesObject[] =>
  parseAllDocuments(text).flatMap((document) => (document as { toJS(): KubernetesObject | null }).toJS() ?? []);
