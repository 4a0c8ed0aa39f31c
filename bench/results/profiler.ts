import type { Service } from "#tests/support/stack.ts";

/** The environment that starts a service with Node's inspector. */
export const INSPECTED = { NODE_OPTIONS: "--inspect=127.0.0.1:0" };

interface Node {
  id: number;
  callFrame: { functionName: string; url: string; lineNumber: number };
  children?: number[];
}

export interface Profile {
  nodes: Node[];
  samples: number[];
  timeDeltas: number[];
}

export interface Share {
  name: string;
  /** Share of the time in which the process was not idle. */
  percent: number;
}

/** Reads a service through Node's inspector: its heap after a collection, and its CPU profile. */
export class Profiler {
  readonly #socket: WebSocket;
  readonly #answers = new Map<number, (result: unknown) => void>();
  #id = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => {
      const { id, result } = JSON.parse(String(data)) as { id: number; result: unknown };
      this.#answers.get(id)?.(result);
      this.#answers.delete(id);
    });
  }

  static async of(service: Service): Promise<Profiler> {
    const said = "Debugger listening on ";
    const { msg } = await service.logged((line) => line.msg?.startsWith(said) ?? false);
    const socket = new WebSocket(msg!.slice(said.length));
    await new Promise((resolve, reject) => {
      socket.addEventListener("open", resolve);
      socket.addEventListener("error", reject);
    });
    return new Profiler(socket);
  }

  /** Bytes that JavaScript still uses, including buffers. */
  async heap(): Promise<number> {
    for (let times = 0; times < 3; times += 1) await this.#call("HeapProfiler.collectGarbage");
    const { usedSize, backingStorageSize = 0 } = (await this.#call("Runtime.getHeapUsage")) as {
      usedSize: number;
      backingStorageSize?: number;
    };
    return usedSize + backingStorageSize;
  }

  async startProfile(): Promise<void> {
    await this.#call("Profiler.enable");
    await this.#call("Profiler.setSamplingInterval", { interval: 500 });
    await this.#call("Profiler.start");
  }

  async stopProfile(): Promise<Profile> {
    return ((await this.#call("Profiler.stop")) as { profile: Profile }).profile;
  }

  close(): void {
    this.#socket.close();
  }

  #call(method: string, params: object = {}): Promise<unknown> {
    this.#id += 1;
    const id = this.#id;
    return new Promise((resolve) => {
      this.#answers.set(id, resolve);
      this.#socket.send(JSON.stringify({ id, method, params }));
    });
  }
}

/** Profiles each service while `work` runs. The services were started with INSPECTED. */
export async function profiled(
  services: readonly Service[],
  told: (kind: string, profile: Profile) => void,
  work: () => Promise<void>,
): Promise<void> {
  const inspectors = await Promise.all(services.map((service) => Profiler.of(service)));
  await Promise.all(inspectors.map((inspector) => inspector.startProfile()));
  await work();
  const profiles = await Promise.all(inspectors.map((inspector) => inspector.stopProfile()));
  profiles.forEach((found, index) => told(services[index]!.kind, found));
  for (const inspector of inspectors) inspector.close();
}

/** The functions with the most self time: the samples in which they were on top of the stack. */
export function topOf({ nodes, samples, timeDeltas }: Profile, count: number): Share[] {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const self = new Map<string, number>();
  let busy = 0;
  samples.forEach((id, index) => {
    const { functionName, url, lineNumber } = byId.get(id)!.callFrame;
    if (functionName === "(idle)") return;
    const took = timeDeltas[index]!;
    busy += took;
    const file = url === "" ? "" : ` ${url.split("/").slice(-2).join("/")}:${lineNumber + 1}`;
    const name = `${functionName || "(anonymous)"}${file}`;
    self.set(name, (self.get(name) ?? 0) + took);
  });
  return Array.from(self, ([name, took]) => ({ name, percent: (took / busy) * 100 }))
    .sort((one, other) => other.percent - one.percent)
    .slice(0, count);
}
