import { readFileSync } from "node:fs";
import { Failure, messageOf } from "./errors.ts";

/** Reads the file that a setting names, once, at the start. A renewed certificate takes a restart. */
export function readPem(setting: string, path: string): string {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new Failure("fatal", `${setting}: ${path} cannot be read: ${messageOf(error)}.`, { cause: error });
  }
  if (!text.includes("-----BEGIN ")) throw new Failure("fatal", `${setting}: ${path} is not a PEM file.`);
  return text;
}
