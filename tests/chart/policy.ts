/** The parts of a rendered object that this file checks. */
export interface KubernetesObject {
  kind: string;
  metadata: { name: string; annotations?: Record<string, string> };
  // oxlint-disable-next-line typescript/no-explicit-any -- any kind of object
  spec?: any;
  // oxlint-disable-next-line typescript/no-explicit-any -- any kind of object
  [field: string]: any;
}

interface Probe {
  periodSeconds?: number;
  failureThreshold?: number;
  timeoutSeconds?: number;
  terminationGracePeriodSeconds?: number;
}

interface Container {
  name: string;
  image: string;
  env?: { name: string; value?: string }[];
  resources?: Record<"requests" | "limits", Record<string, string> | undefined>;
  securityContext?: Record<string, unknown> & { capabilities?: { drop?: string[] } };
  livenessProbe?: Probe;
  readinessProbe?: Probe;
}

const SERVING = ["Deployment", "StatefulSet"];
const CRASH_SECONDS = 60;

/** Rules for each of our pods, with any values. Returns the violations. */
export function breaches(objects: readonly KubernetesObject[]): string[] {
  return [...objects.flatMap(ofPods), ...objects.flatMap((one) => ofOthers(one, objects))];
}

function ofPods(one: KubernetesObject): string[] {
  const pod = one.kind === "Pod" ? one.spec : one.spec?.template?.spec;
  if (!pod) return [];
  const said: string[] = [];
  const must = (holds: boolean, what: string): void => {
    if (!holds) said.push(`${one.kind} ${one.metadata.name}: ${what}`);
  };
  must(pod.automountServiceAccountToken === false, "has a token of the API server");
  must(pod.securityContext?.runAsNonRoot === true && pod.securityContext.runAsUser > 0, "may run as root");
  must(pod.securityContext?.seccompProfile?.type === "RuntimeDefault", "has no seccomp profile");
  must(!pod.hostNetwork && !pod.hostPID && !pod.hostIPC, "is in the host's namespaces");
  must(!pod.volumes?.some((volume: object) => "hostPath" in volume), "mounts a folder of the host");
  for (const container of [...(pod.initContainers ?? []), ...pod.containers] as Container[]) {
    const { name, image, env = [], resources, securityContext } = container;
    must(securityContext?.readOnlyRootFilesystem === true, `${name} may write its root`);
    must(securityContext?.allowPrivilegeEscalation === false, `${name} may get more privileges`);
    must(securityContext?.capabilities?.drop?.includes("ALL") === true, `${name} has capabilities`);
    must(/@sha256:[0-9a-f]{64}$|:(?!latest$)[\w.-]+$/.test(image), `${name} has an image without a version`);
    for (const side of ["requests", "limits"] as const)
      for (const resource of ["cpu", "memory"])
        must(resources?.[side]?.[resource] !== undefined, `${name} has no ${resource} in its ${side}`);
    for (const { name: variable, value } of env)
      must(
        !/URL$|PASSWORD|SECRET|TOKEN/.test(variable) ||
          value === undefined ||
          (!/:[^/]*@/.test(value) && !/PASSWORD|SECRET|TOKEN/.test(variable)),
        `${variable} is in plain text`,
      );
    if (!SERVING.includes(one.kind)) continue;
    must(container.readinessProbe !== undefined, `${name} has no readiness probe`);
    must(
      crashSeconds(container.livenessProbe) <= CRASH_SECONDS,
      `${name}'s crash would not be noticed within a minute`,
    );
  }
  if (one.kind === "Job") must(one.spec.activeDeadlineSeconds !== undefined, "has no end");
  return said;
}

/** Time from a hang to the kill. */
function crashSeconds(probe: Probe | undefined): number {
  if (!probe) return Number.POSITIVE_INFINITY;
  const { periodSeconds = 10, failureThreshold = 3, timeoutSeconds = 1, terminationGracePeriodSeconds = 0 } = probe;
  return periodSeconds * failureThreshold + timeoutSeconds + terminationGracePeriodSeconds;
}

function ofOthers(one: KubernetesObject, objects: readonly KubernetesObject[]): string[] {
  const { name } = one.metadata;
  const there = (kind: string, wanted: string): boolean =>
    objects.some((other) => other.kind === kind && other.metadata.name === wanted);
  const pods = objects.flatMap(
    (other) => other.spec?.template?.metadata?.labels ?? (other.kind === "Pod" ? other.metadata : []),
  );
  const selects = (labels: Record<string, string>): boolean =>
    pods.some((pod: Record<string, string>) => Object.entries(labels).every(([label, value]) => pod[label] === value));
  switch (one.kind) {
    case "Deployment":
      return there("PodDisruptionBudget", name) ? [] : [`Deployment ${name}: nothing bounds its disruptions`];
    case "Service":
    case "PodDisruptionBudget": {
      const selector = one.kind === "Service" ? one.spec.selector : one.spec.selector.matchLabels;
      return selects(selector) ? [] : [`${one.kind} ${name}: selects no pod`];
    }
    case "HorizontalPodAutoscaler":
      return there(one.spec.scaleTargetRef.kind, one.spec.scaleTargetRef.name)
        ? []
        : [`${one.kind} ${name}: scales nothing`];
    case "ServiceAccount":
      return one.automountServiceAccountToken === false ? [] : [`ServiceAccount ${name}: gives pods its token`];
    default:
      return [];
  }
}
