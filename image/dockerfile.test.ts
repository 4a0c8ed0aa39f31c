import { readFileSync } from "node:fs";
import { join } from "node:path";
import { NODE_FLAGS } from "@saasaparilla/shared/node-flags.ts";
import { expect, test } from "vitest";

test("the image runs services with the flags that the tests and the local stack run them with", () => {
  const dockerfile = readFileSync(join(import.meta.dirname, "../Dockerfile"), "utf8");
  const entrypoint = /^ENTRYPOINT (.*)$/m.exec(dockerfile)?.[1] ?? "";
  expect(JSON.parse(entrypoint)).toEqual(["node", ...NODE_FLAGS, "/saasaparilla/image/run.ts"]);
});
