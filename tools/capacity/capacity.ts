import { baseline } from "#bench/results/report.ts";
import { LARGEST_PAYLOAD, readConstants } from "./constants.ts";
import { readInput, usage } from "./input.ts";
import { memoryText } from "./memory.ts";
import { constantsText, planText, rowsOf, shown } from "./print.ts";

/** The output of `just capacity` for these arguments. */
export function capacity(args: readonly string[]): string {
  if (args.includes("--help")) return usage();
  const { machine, figures } = baseline();
  if (args[0] === "--memory") return memoryText(figures);
  const constants = readConstants(figures);
  const notes = constants.some(({ quick }) => quick)
    ? ["Some constants are from --quick, so this shows only the form of a plan."]
    : [];
  if (args[0] === "--constants") {
    const of = `Measured on ${machine.processor}, ${machine.cores} cores, Node ${machine.node}`;
    notes.push(`${of}. A plan counts with the medians; its ranges are those of the runs.`);
    return [...notes, constantsText(constants)].join("\n\n");
  }
  const { input, json } = readInput(args);
  if (input.payload > LARGEST_PAYLOAD)
    notes.push(
      `Up to ${shown(LARGEST_PAYLOAD)} bytes of data were measured: the cost of a larger --payload is extrapolated.`,
    );
  const rows = rowsOf(input, constants);
  return json
    ? JSON.stringify({ input, machine, notes, constants, plan: rows }, undefined, 2)
    : [...notes, planText(rows)].join("\n\n");
}
