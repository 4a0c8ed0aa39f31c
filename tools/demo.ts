import { randomUUID } from "node:crypto";
import { connect, type Connection, type Options } from "@saasaparilla/client";
import { setTimeout as sleep } from "node:timers/promises";
import { signToken } from "#local/sign-token.ts";
import { up, wanted } from "#local/platform.ts";
import { known, running, startedAt } from "#local/process/processes.ts";
import { childOf } from "#local/services.ts";
import { UserError, command } from "#local/process/user-error.ts";

/**
 * A demonstration on the running local stack. A client is away, then connects in three ways one after the other, and a
 * distributor is killed. Ends with code 1 if a notification is missing, out of order or repeated.
 */
const PATIENCE_MS = 40_000;
/** Pause between two lines, so that you can read along. */
const BEAT_MS = 2_000;

async function main(): Promise<void> {
  // As many distributors as are running: up() would stop the others.
  const others = known().filter((name) => /^distributor-\d+$/.test(name)).length;
  const { receiver, distributors } = await up(Math.max(wanted(), others + 1));
  const scene = new Scene(receiver, distributors[0]!);
  await scene.open();

  scene.say("has no connection. Five notifications are published to it, and are stored");
  await scene.publish(5);
  await sleep(BEAT_MS);

  scene.say("connects over a WebSocket: the five come first, in order");
  let connection = await scene.connect("websocket");
  await scene.arrived();
  await scene.live(connection);

  scene.say("is live. A sixth is published: it goes through memory and Kafka only, and nothing is stored");
  await scene.publish(1);
  await scene.arrived();
  await sleep(BEAT_MS);

  scene.say("loses its connection: the distributor is killed (SIGKILL)");
  const pid = await killDistributor();
  await connection.close();
  scene.note(`process ${pid} is gone, the cursor is kept: ${connection.cursor}`);
  scene.say("is published three more while there is no distributor: the receiver goes on answering 202");
  await scene.publish(3);
  scene.note(`${await answers(distributors[0]!)}`);
  await sleep(BEAT_MS);

  scene.say(
    "resumes with its cursor over server-sent events, as soon as the distributor's supervisor has started it again",
  );
  connection = await scene.connect("sse", connection.cursor);
  await scene.arrived();
  await scene.publish(1);
  await scene.arrived();
  await sleep(BEAT_MS);

  scene.say("hangs up, is published two, and resumes with its cursor by long poll");
  await connection.close();
  await scene.publish(2);
  connection = await scene.connect("poll", connection.cursor);
  await scene.arrived();
  await scene.publish(1);
  await scene.arrived();
  await connection.close();

  scene.verdict();
}

class Scene {
  readonly #receiver: string;
  readonly #distributor: string;
  readonly #client = `demo-${Date.now().toString(36)}`;
  readonly #published: { id: string; at: number }[] = [];
  readonly #received: string[] = [];
  readonly #began = performance.now();
  #tokens = { client: "", publisher: "" };

  constructor(receiver: string, distributor: string) {
    this.#receiver = receiver;
    this.#distributor = distributor;
  }

  async open(): Promise<void> {
    const [client, publisher] = await Promise.all([
      signToken({ client: this.#client }),
      signToken({ publisher: "demo" }),
    ]);
    this.#tokens = { client, publisher };
    process.stdout.write("\n");
  }

  async publish(count: number): Promise<void> {
    for (let n = 0; n < count; n += 1) {
      const number = this.#published.length + 1;
      const id = randomUUID();
      // Recorded before the answer, because the notification may arrive first.
      this.#published.push({ id, at: performance.now() });
      const response = await fetch(`${this.#receiver}/v1/notifications`, {
        method: "POST",
        headers: { authorization: `Bearer ${this.#tokens.publisher}`, "content-type": "application/json" },
        body: JSON.stringify({ to: { client: this.#client }, id, data: { number } }),
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
      if (response.status !== 202)
        throw new UserError(`A publish was answered ${response.status}: ${await response.text()}`, LOGS);
      await response.body?.cancel();
    }
    this.note(`published ${span(this.#published.length - count + 1, this.#published.length)}`);
  }

  async connect(transport: "websocket" | "sse" | "poll", cursor?: string): Promise<Connection> {
    const options: Options = {
      url: this.#distributor,
      token: this.#tokens.client,
      transport,
      onNotification: (notification) => this.#receive(notification.id, notification.data, transport),
    };
    return connect(cursor === undefined ? options : { ...options, cursor });
  }

  #receive(id: string, data: unknown, transport: string): void {
    this.#received.push(id);
    const { number } = data as { number: number };
    const ms = performance.now() - (this.#published[number - 1]?.at ?? Number.NaN);
    this.note(
      `received  ${number} over ${transport}, ${ms < 1_000 ? `${ms.toFixed(0)} ms` : `${(ms / 1_000).toFixed(1)} s`} after its publishing`,
    );
  }

  /** Everything published so far. */
  async arrived(): Promise<void> {
    await until(
      `notification ${this.#published.length} has not arrived`,
      () => this.#received.length >= this.#published.length,
    );
  }

  async live(connection: Connection): Promise<void> {
    await until("the connection is not live", () => connection.state === "live");
  }

  say(what: string): void {
    process.stdout.write(`${this.#clock()}  ${this.#client} ${what}\n`);
  }

  note(what: string): void {
    process.stdout.write(`${this.#clock()}      ${what}\n`);
  }

  verdict(): void {
    const wanted = this.#published.map(({ id }) => id);
    const missing = wanted.filter((id) => !this.#received.includes(id)).length;
    const twice = this.#received.length - new Set(this.#received).size;
    const ordered = this.#received.join() === wanted.join();
    const said = `${wanted.length} published, ${this.#received.length} received, ${missing} missing, ${twice} twice, ${ordered ? "all in order" : "NOT in order"}`;
    if (!ordered) throw new UserError(said, LOGS);
    process.stdout.write(`\n✓ ${said}: stored before new, over three transports and a killed distributor.\n`);
  }

  #clock(): string {
    return `${((performance.now() - this.#began) / 1_000).toFixed(1).padStart(5)} s`;
  }
}

const LOGS = "See the logs of the services: npx just logs";

async function killDistributor(): Promise<number> {
  const child = running(childOf("distributor"));
  if (!child) throw new UserError("No distributor is running that the demo could kill.", "Start it: npx just up");
  process.kill(child.pid, "SIGKILL");
  await until("the distributor does not end", () => startedAt(child.pid) !== child.since);
  return child.pid;
}

async function answers(distributor: string): Promise<string> {
  try {
    const { status } = await fetch(`${distributor}/health/ready`, { signal: AbortSignal.timeout(1_000) });
    return status === 200 ? "the distributor is back already" : "the distributor is starting again";
  } catch {
    return "the distributor does not answer";
  }
}

function span(first: number, last: number): string {
  return first === last ? `${first}` : `${first} to ${last}`;
}

async function until(wrong: string, holds: () => boolean): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!holds()) {
    if (performance.now() > deadline) throw new UserError(`After ${PATIENCE_MS / 1_000} s ${wrong}.`, LOGS);
    await sleep(10);
  }
}

await command(main);
