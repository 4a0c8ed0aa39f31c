import { spawn } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { LONG } from "#tests/support/long-form.ts";

/** The time of each target. `just fuzz` accepts any time. */
const SECONDS = LONG ? "8" : "4";

test("any frame, token, cursor, pack, publication or event stream is either read or refused", async () => {
  const fuzz = spawn(process.execPath, [join(import.meta.dirname, "main.ts"), "--seconds", SECONDS]);
  let said = "";
  for (const stream of [fuzz.stdout, fuzz.stderr]) stream.on("data", (text: Buffer) => (said += text.toString()));
  const code = await new Promise((done) => fuzz.once("close", done));
  expect({ code, said }).toMatchObject({ code: 0 });
});
