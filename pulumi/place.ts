import { Namespace } from "@pulumi/kubernetes/core/v1/namespace.js";
import { Secret } from "@pulumi/kubernetes/core/v1/secret.js";
import { ComponentResource } from "@pulumi/pulumi";
import { CertificateAuthority } from "./authority.ts";
import { machineOf, type Machine } from "./container.ts";
import { Operators } from "./operators.ts";
import type { Settings } from "./settings.ts";

/** Kubernetes: a secret with `ca.crt` of our own authority, for stores whose operators have no authority to share. */
export const AUTHORITY = "notifications-authority";

/** The machine on which the stores run. */
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
  /** An operator's resources depend on these. */
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
