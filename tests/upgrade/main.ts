import { mkdir } from "node:fs/promises";
import { parseOptions } from "#local/process/parse-options.ts";
import { Rig } from "#tests/faults/rig.ts";
import { runFault } from "#tests/faults/run.ts";
import { SHORT } from "#tests/faults/settings.ts";
import { header, line, totals } from "#tests/faults/table.ts";
import { checkoutOf, earlier } from "./checkout.ts";
import { upgrade } from "./upgrade.ts";

const USAGE = "npx just upgrade-test [--from COMMIT] [--seed N] [--clients N] [--rate N] [--histories FOLDER] [--keep]";

/** `just upgrade-test`: services of an earlier commit and of this one on one platform, under load. */
const { values } = parseOptions(USAGE, {
  options: {
    from: { type: "string" },
    seed: { type: "string", default: String(Math.floor(Math.random() * 1e9)) },
    clients: { type: "string", default: "120" },
    rate: { type: "string", default: "300" },
    histories: { type: "string" },
    keep: { type: "boolean", default: false },
  },
});

const { folder: before, commit } = checkoutOf(values.from ?? earlier());
if (values.histories !== undefined) await mkdir(values.histories, { recursive: true });
console.log(`from ${commit}, seed ${values.seed}`);
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
const rig = await Rig.start(SHORT, { checkout: before });
let failed = true;
try {
  const outcome = await runFault(rig, upgrade(before, console.log), {
    seed: Number(values.seed),
    full: false,
    clients: Number(values.clients),
    crowd: 0,
    rate: Number(values.rate),
    histories: values.histories,
  });
  console.log(`${header()}\n${line(outcome)}\n${totals([outcome])}`);
  const { violations, unready, unsettled, figures } = outcome;
  if (unready !== undefined) console.log(`  ${unready}`);
  for (const { breach, key, detail } of violations.slice(0, 10)) console.log(`  ${breach}: ${key}: ${detail}`);
  failed = violations.length > 0 || unready !== undefined || unsettled > 0 || figures["dead letters"] > 0;
} finally {
  await rig.close(values.keep || failed);
  if (values.keep || failed) console.log(`logs are kept in ${rig.folder}`);
}
if (failed) process.exitCode = 1;
