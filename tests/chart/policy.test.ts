import { expect, test } from "vitest";
import { breaches, type KubernetesObject } from "./policy.ts";

const labels = { app: "receiver" };

function good(): KubernetesObject[] {
  const container = {
    name: "receiver",
    image: "registry:5000/notifications:1.2.3",
    env: [{ name: "DATABASE_URL", valueFrom: {} }],
    resources: { requests: { cpu: "1", memory: "1Mi" }, limits: { cpu: "1", memory: "1Mi" } },
    securityContext: {
      readOnlyRootFilesystem: true,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ["ALL"] },
    },
    livenessProbe: { periodSeconds: 10, failureThreshold: 3, timeoutSeconds: 5, terminationGracePeriodSeconds: 10 },
    readinessProbe: {},
  };
  const pod = {
    automountServiceAccountToken: false,
    securityContext: { runAsNonRoot: true, runAsUser: 10_001, seccompProfile: { type: "RuntimeDefault" } },
    containers: [container],
    volumes: [{ name: "scratch", emptyDir: {} }],
  };
  const metadata = { name: "receiver" };
  const target = { kind: "Deployment", name: "receiver" };
  return [
    { kind: "Deployment", metadata, spec: { template: { metadata: { labels }, spec: pod } } },
    { kind: "PodDisruptionBudget", metadata, spec: { selector: { matchLabels: labels } } },
    { kind: "Service", metadata, spec: { selector: labels } },
    { kind: "ServiceAccount", metadata, automountServiceAccountToken: false },
    { kind: "HorizontalPodAutoscaler", metadata, spec: { scaleTargetRef: target } },
  ];
}

const pod = (objects: KubernetesObject[]) => objects[0]!.spec.template.spec;
const container = (objects: KubernetesObject[]) => pod(objects).containers[0];

const MUTANTS: [said: string, mutate: (objects: KubernetesObject[]) => void][] = [
  ["has a token", (objects) => delete pod(objects).automountServiceAccountToken],
  ["run as root", (objects) => delete pod(objects).securityContext.runAsNonRoot],
  ["run as root", (objects) => (pod(objects).securityContext.runAsUser = 0)],
  ["seccomp", (objects) => delete pod(objects).securityContext.seccompProfile],
  ["host's namespaces", (objects) => (pod(objects).hostNetwork = true)],
  ["folder of the host", (objects) => pod(objects).volumes.push({ name: "all", hostPath: { path: "/" } })],
  ["write its root", (objects) => delete container(objects).securityContext.readOnlyRootFilesystem],
  ["more privileges", (objects) => delete container(objects).securityContext.allowPrivilegeEscalation],
  ["capabilities", (objects) => (container(objects).securityContext.capabilities.drop = ["NET_RAW"])],
  ["without a version", (objects) => (container(objects).image = "registry:5000/notifications")],
  ["without a version", (objects) => (container(objects).image = "notifications:latest")],
  ["no memory in its limits", (objects) => delete container(objects).resources.limits.memory],
  ["no cpu in its requests", (objects) => delete container(objects).resources.requests.cpu],
  ["is in plain text", (objects) => (container(objects).env[0].value = "postgres://us:secret@there/db")],
  ["is in plain text", (objects) => container(objects).env.push({ name: "KAFKA_PASSWORD", value: "secret" })],
  ["readiness", (objects) => delete container(objects).readinessProbe],
  ["within a minute", (objects) => delete container(objects).livenessProbe],
  ["within a minute", (objects) => (container(objects).livenessProbe.failureThreshold = 6)],
  ["bounds its disruptions", (objects) => objects.splice(1, 1)],
  ["selects no pod", (objects) => (objects[1]!.spec.selector.matchLabels = { app: "other" })],
  ["selects no pod", (objects) => (objects[2]!.spec.selector = { app: "other" })],
  ["gives pods its token", (objects) => delete objects[3]!.automountServiceAccountToken],
  ["scales nothing", (objects) => (objects[4]!.spec.scaleTargetRef.name = "other")],
];

test("a chart that keeps every rule passes", () => {
  expect(breaches(good())).toEqual([]);
});

test.each(MUTANTS)("a violation is found: %s", (said, mutate) => {
  const objects = good();
  mutate(objects);
  expect(breaches(objects)).toEqual([expect.stringContaining(said)]);
});
