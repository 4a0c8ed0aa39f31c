import { parseArgs } from "node:util";
import { backing } from "../compose/local/backing.ts";
import { smoke } from "./smoke.ts";

/** `just bench [--clients N] [--rate N] [--seconds N]`: prints figures as JSON; exit 1 where anything was lost. */
const { values } = parseArgs({
  options: {
    clients: { type: "string", default: "2000" },
    rate: { type: "string", default: "2000" },
    seconds: { type: "string", default: "30" },
  },
});
Object.assign(process.env, await backing());
const result = await smoke({
  clients: Number(values.clients),
  rate: Number(values.rate),
  seconds: Number(values.seconds),
});
console.log(JSON.stringify(result, null, 2));
if (result.lost !== 0) process.exitCode = 1;
