import { Namespace } from "@pulumi/kubernetes/core/v1/namespace.js";
import { Secret } from "@pulumi/kubernetes/core/v1/secret.js";
import { ComponentResource } from "@pulumi/pulumi";
import { CertificateAuthority } from "./authority.ts";
import { machineOf, type Machine } from "./container.ts";
import { Operators } from "./operators.ts";
import type { Settings } from "./settings.ts";

/** Kubernetes: a secret with `ca.crt`, of who signs for the stores whose operators sign nothing that one could hand on. */
export const AUTHORITY = "notifications-authority";

/** Where the stores are made. */
export class DockerPlace extends ComponentResource {
  readonly target = "docker";
  readonly settings: Settings;
  readonly machine: Machine;
  readonly authority: CertificateAuthority;

  constructor(settings: Settings) {
    super("saasaparilla:Docker", "stores");
    this.settings = settings;
    this.machine = machineOf(settings.subnet, this);
    this.authority = new CertificateAuthority("stores", this);
    this.registerOutputs({});
  }
}

export class KubernetesPlace extends ComponentResource {
  readonly target = "kubernetes";
  readonly settings: Settings;
  readonly namespace: string;
  readonly authority: CertificateAuthority;
  /** What a resource of an operator's has to come after. */
  readonly ready: ComponentResource[];

  constructor(settings: Settings) {
    super("saasaparilla:Kubernetes", "stores");
    this.settings = settings;
    this.namespace = settings.kubernetesNamespace;
    const namespace = new Namespace(
      this.namespace,
      {
        metadata: {
          name: this.namespace,
          labels: { "pod-security.kubernetes.io/enforce": "baseline", "pod-security.kubernetes.io/warn": "restricted" },
        },
      },
      { parent: this, retainOnDelete: true },
    );
    this.ready = settings.installOperators ? [new Operators(namespace, this)] : [];
    this.authority = new CertificateAuthority("stores", this);
    new Secret(
      AUTHORITY,
      { metadata: { name: AUTHORITY, namespace: this.namespace }, stringData: { "ca.crt": this.authority.pem } },
      { parent: this, dependsOn: namespace },
    );
    this.registerOutputs({});
  }
}

export type Place = DockerPlace | KubernetesPlace;
