import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "@saasaparilla/shared/runtime/errors.ts";
import { capacity } from "./capacity.ts";
import { written } from "./document.ts";
import { WrongInput } from "./input.ts";

/**
 * just capacity --rate N --clients N [...] [--json], or --constants, or --help; --document rewrites the plans in
 * docs/guides/sizing.md.
 */
const documentFile = join(import.meta.dirname, "../../docs/guides/sizing.md");
const args = process.argv.slice(2);

try {
  if (args[0] === "--document") writeFileSync(documentFile, written(readFileSync(documentFile, "utf8"), capacity));
  else console.log(capacity(args));
} catch (error) {
  console.error(messageOf(error));
  if (error instanceof WrongInput) console.error("npx just capacity --help lists the flags");
  process.exitCode = 1;
}
