import { Container, Network, RemoteImage, Volume } from "@pulumi/docker";
import { interpolate, type ComponentResource, type Input, type Resource } from "@pulumi/pulumi";
import type { Size } from "./settings.ts";

/** One machine: a separate network, with containers reachable by name. It publishes none of their ports. */
export interface Machine {
  network: Network;
  /** The n-th address of the network. */
  address(n: number): string;
}

export function machineOf(subnet: string, parent: ComponentResource): Machine {
  const base = subnet.split("/")[0]!.split(".").slice(0, 3).join(".");
  const network = new Network(
    "saasaparilla-stores",
    { name: "saasaparilla-stores", ipamConfigs: [{ subnet, gateway: `${base}.1` }] },
    { parent },
  );
  return { network, address: (n) => `${base}.${n}` };
}

export interface ContainerArgs {
  machine: Machine;
  image: string;
  /** The image's own user. Nothing runs as root, and only this user can read the uploaded files. */
  uid: number;
  size: Pick<Size, "cpu" | "memoryMib">;
  files: Record<string, Input<string>>;
  environment: Record<string, Input<string>>;
  command?: Input<string>[];
}

export interface ServerArgs extends ContainerArgs {
  address?: string;
  /** The folder of its data. The volume stays after the container is replaced, or deleted from this program. */
  data: string;
  healthy: string[];
  stopSeconds: number;
  /** Whether it becomes healthy without its peers. If not, waiting for it before the peers exist would never end. */
  alone: boolean;
}

export function runServer(name: string, args: ServerArgs, parent: Resource): Container {
  const volume = new Volume(name, { name }, { parent, retainOnDelete: true });
  return new Container(
    name,
    {
      ...common(name, args, parent),
      networksAdvanced: [{ name: args.machine.network.name, ...(args.address && { ipv4Address: args.address }) }],
      volumes: [{ volumeName: volume.name, containerPath: args.data }],
      restart: "unless-stopped",
      healthcheck: { tests: args.healthy, interval: "5s", timeout: "5s", retries: 12, startPeriod: "30s" },
      wait: args.alone,
      waitTimeout: 180,
      destroyGraceSeconds: args.stopSeconds,
    },
    // The old container has the same name and volume.
    { parent, deleteBeforeReplace: true },
  );
}

/** Runs to its end. An exit code other than 0 fails the update. */
export function runOnce(
  name: string,
  args: ContainerArgs & { volumes?: { volumeName: Input<string>; containerPath: string }[] },
  parent: Resource,
  after: Resource[],
): Container {
  const container = new Container(
    name,
    {
      ...common(name, args, parent),
      networksAdvanced: [{ name: args.machine.network.name }],
      volumes: args.volumes ?? [],
      restart: "no",
      mustRun: false,
      attach: true,
      logs: true,
    },
    { parent, dependsOn: after, deleteBeforeReplace: true },
  );
  container.exitCode.apply((code) => {
    // Undefined in a preview.
    if (code !== undefined && code !== 0) throw new Error(`${name} ended with ${code}. See: docker logs ${name}`);
  });
  return container;
}

function common(name: string, { image, uid, size, files, environment, command }: ContainerArgs, parent: Resource) {
  return {
    name,
    hostname: name,
    // An image that exists locally is not pulled again.
    image: new RemoteImage(name, { name: image, keepLocally: true }, { parent }).imageId,
    user: `${uid}:${uid}`,
    ...(command && { command }),
    envs: Object.entries(environment).map(([key, value]): Input<string> => join(key, value)),
    uploads: Object.entries(files).map(([file, content]) => ({
      file,
      content,
      owner: String(uid),
      group: String(uid),
      permissions: "0600",
    })),
    capabilities: { drops: ["ALL"] },
    securityOpts: ["no-new-privileges:true"],
    memory: size.memoryMib,
    memorySwap: size.memoryMib,
    cpus: String(size.cpu),
    logDriver: "json-file",
    logOpts: { "max-size": "20m", "max-file": "3" },
  };
}

function join(key: string, value: Input<string>): Input<string> {
  return interpolate`${key}=${value}`;
}
