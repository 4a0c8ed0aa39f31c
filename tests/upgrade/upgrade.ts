import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { FORMAT } from "@saasaparilla/shared/protocol/format.ts";
import { repository } from "#local/process/paths.ts";
import { provision, type Kind } from "#tests/support/stack.ts";
import type { Member, Rig } from "#tests/faults/rig.ts";
import type { Fault, Tools } from "#tests/faults/tools.ts";
import { sendOptions } from "./send-options.ts";

/** No kind is completely new before another kind begins, so that each pair of versions communicates. */
const ORDER: [Kind, number][] = [
  ["director", 0],
  ["distributor", 0],
  ["receiver", 0],
  ["distributor", 1],
  ["director", 1],
  ["receiver", 1],
  ["distributor", 2],
];

const MOST_TRIES = 10;
const BETWEEN_MS: [number, number] = [2_000, 20_000];

/** Starts with only `before`. Then: upgrade, go back, upgrade again, finish the upgrade, and use the new form. */
export function upgrade(before: string, said: (text: string) => void): Fault {
  return {
    name: "rolling upgrade, back, and again",
    poison: false,
    async run(tools) {
      const { rig, load } = tools;
      await provision(rig.env);
      await roll(tools, repository, () => refusal(rig));
      said(`all services are new, and the upgrade is not finished: format ${await presentFormat(rig)}`);
      await roll(tools, before);
      said("all services are of the earlier version again");
      await roll(tools, repository);
      const { code, text } = await finish(rig);
      if (code !== 0) throw new Error(`The upgrade could not be finished:\n${text}`);
      if ((await presentFormat(rig)) !== FORMAT) throw new Error("The format was not raised.");
      said(`finished: format ${FORMAT}`);
      said(`${await sendOptions(rig, load)} notifications with options`);
    },
  };
}

async function roll({ rig, wait }: Tools, checkout: string, between?: () => Promise<string>): Promise<void> {
  for (const [kind, index] of ORDER) {
    const { service }: Member = rig.of(kind)[index]!;
    const refused = await between?.();
    if (refused !== undefined && !refused.includes(kind)) throw new Error(`The ${kind} is not named in: ${refused}`);
    service.checkout = checkout;
    await service.restart(60_000);
    await wait(...BETWEEN_MS);
  }
}

/** The error text. On a busy machine a store may not answer in time, and then the text names no process. */
async function refusal(rig: Rig): Promise<string> {
  for (let tries = 1; ; tries += 1) {
    const { code, text } = await finish(rig, ["--wait", "0"]);
    if (code === 0) throw new Error("The upgrade was finished while an earlier version ran.");
    if (!text.includes("unknown:") || tries === MOST_TRIES) return text;
  }
}

async function finish(rig: Rig, more: string[] = []): Promise<{ code: number | null; text: string }> {
  const main = join(repository, "services/provision/main.ts");
  const child = spawn(process.execPath, [main, "--finish-upgrade", ...more], {
    env: { PATH: process.env.PATH, ...rig.env },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 120_000,
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (part: Buffer) => (text += part.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, text };
}

async function presentFormat(rig: Rig): Promise<number> {
  const { rows } = await rig.pool.query<{ format: number }>(`select format from "${rig.env.NAMESPACE}".platform`);
  return rows[0]!.format;
}
