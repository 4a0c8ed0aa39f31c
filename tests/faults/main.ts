import { mkdir } from "node:fs/promises";
import { parseOptions } from "#local/process/parse-options.ts";
import { SeededRandom } from "#tests/support/seeded-random.ts";
import { FAULTS } from "./faults.ts";
import { canMoveClocks } from "./machine.ts";
import { Rig } from "./rig.ts";
import { runFault, type Outcome } from "./run.ts";
import { SHORT } from "./settings.ts";
import { header, line, totals } from "./table.ts";

const USAGE =
  "npx just faults [--only PART]... [--seed N] [--minutes N] [--full] [--clients N] [--crowd N] [--rate N] [--histories FOLDER] [--keep]";

/**
 * `just faults`: every fault once; with --minutes, in random orders until the time is over. Exits with 1 on a broken
 * promise.
 */
const { values } = parseOptions(USAGE, {
  options: {
    full: { type: "boolean", default: false },
    minutes: { type: "string" },
    seed: { type: "string", default: String(Math.floor(Math.random() * 1e9)) },
    only: { type: "string", multiple: true },
    clients: { type: "string", default: "120" },
    crowd: { type: "string", default: "5000" },
    rate: { type: "string", default: "300" },
    histories: { type: "string" },
    keep: { type: "boolean", default: false },
  },
});

const seed = Number(values.seed);
const full = values.full;
const chosen = FAULTS.filter(({ name }) => values.only?.every((part) => !name.includes(part)) !== true);
if (chosen.length === 0) {
  console.error(`No fault has this name. Choose from:\n${FAULTS.map(({ name }) => name).join("\n")}`);
  process.exit(1);
}
if (values.histories !== undefined) await mkdir(values.histories, { recursive: true });

console.log(`seed ${seed}`);
// Started processes end at this process's exit. Without these handlers a signal would skip it.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
const smallDisks = chosen.some(({ name }) => name.startsWith("disk full"));
const rig = await Rig.start(full ? {} : SHORT, { smallDisks });
const able = chosen.filter(({ name }) => {
  const can = name.startsWith("disk full") ? rig.smallDisks : !name.startsWith("clocks") || canMoveClocks();
  if (!can) console.log(`left out, because this machine cannot do it: ${name}`);
  return can;
});

const outcomes: Outcome[] = [];
const random = new SeededRandom(seed);
const deadline = performance.now() + Number(values.minutes ?? 0) * 60_000;
console.log(header());
let failed = false;
try {
  do {
    const order = values.minutes === undefined ? able : able.toSorted(() => random.next() - 0.5);
    for (const fault of order) {
      const load = { clients: Number(values.clients), crowd: Number(values.crowd), rate: Number(values.rate) };
      const outcome = await runFault(rig, fault, {
        full,
        ...load,
        histories: values.histories,
        timeline: true,
        seed: Math.floor(random.next() * 1e9),
      });
      outcomes.push(outcome);
      console.log(line(outcome));
      if (outcome.unready !== undefined) console.log(`  ${outcome.unready}`);
      failed ||= outcome.unready !== undefined || outcome.unsettled > 0;
      for (const { breach, key, detail } of outcome.violations.slice(0, 10)) {
        console.log(`  ${breach}: ${key}: ${detail}`);
        failed = true;
      }
      if (values.minutes !== undefined && performance.now() > deadline) break;
    }
  } while (performance.now() < deadline);
} finally {
  await rig.close(values.keep || failed);
  if (values.keep || failed) console.log(`logs are kept in ${rig.folder}`);
}
console.log(totals(outcomes));
const megabytes = Math.round(process.resourceUsage().maxRSS / 1_024);
console.log(`${megabytes} MB at most in this process, which holds the history of one run at a time`);
if (failed) process.exitCode = 1;
