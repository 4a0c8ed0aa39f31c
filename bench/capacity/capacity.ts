import { baseline } from "../report.ts";
import { readConstants } from "./constants.ts";
import { readInput } from "./input.ts";
import { memoryText } from "./memory.ts";
import { constantsText, planText, rowsOf } from "./print.ts";

/** What `just capacity` prints for these arguments. */
export function capacity(args: readonly string[]): string {
  const { machine, figures } = baseline();
  if (args[0] === "--memory") return memoryText(figures);
  const constants = readConstants(figures);
  const quick = constants.some((constant) => constant.quick)
    ? "Some of the constants are from --quick: this shows the form of a plan, and is none.\n\n"
    : "";
  if (args[0] === "--constants") {
    const of = `Measured on ${machine.processor}, ${machine.cores} cores, Node ${machine.node}`;
    return `${quick}${of}. A plan counts with the medians; its ranges are those of the runs.\n\n${constantsText(constants)}`;
  }
  const { input, json } = readInput(args);
  const rows = rowsOf(input, constants);
  return json ? JSON.stringify({ input, machine, constants, plan: rows }, undefined, 2) : `${quick}${planText(rows)}`;
}
