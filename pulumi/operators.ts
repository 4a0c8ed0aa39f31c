import type { Namespace } from "@pulumi/kubernetes/core/v1/namespace.js";
import { Release } from "@pulumi/kubernetes/helm/v3/release.js";
import { ComponentResource, type Resource } from "@pulumi/pulumi";

/** The operators of the stores. Only they have rights in the cluster, and each watches the platform's namespace. */
const operators = {
  strimzi: { chart: "oci://quay.io/strimzi-helm/strimzi-kafka-operator", version: "1.1.0" },
  "cloudnative-pg": {
    chart: "cloudnative-pg",
    version: "0.29.0",
    repository: "https://cloudnative-pg.github.io/charts",
  },
  "redis-operator": {
    chart: "redis-operator",
    version: "0.26.1",
    repository: "https://ot-container-kit.github.io/helm-charts",
  },
};

export class Operators extends ComponentResource {
  constructor(namespace: Namespace, parent: Resource) {
    super("saasaparilla:Operators", "operators", {}, { parent, dependsOn: namespace });
    for (const [name, { chart, version, ...from }] of Object.entries(operators))
      new Release(
        name,
        {
          name,
          chart,
          version,
          ...("repository" in from && { repositoryOpts: { repo: from.repository } }),
          namespace: `${name}-system`,
          createNamespace: true,
          atomic: true,
          timeout: 300,
          values: name === "strimzi" ? { watchAnyNamespace: true } : {},
        },
        { parent: this },
      );
    this.registerOutputs({});
  }
}
