import { readFileSync } from "node:fs";
import { join } from "node:path";
import { NODE_FLAGS } from "@saasaparilla/shared/node-flags.ts";
import { expect, test } from "vitest";

test("the image runs services with the flags that the tests and the local stack run them with", () => {
  const dockerfile = readFileSync(join(import.meta.dirname, "../Dockerfile"), "utf8");
  const entrypoint = /^ENTRYPOINT (.*)$/m.exec(dockerfile)?.[1] ?? "";
  expect(JSON.parse(entrypoint)).toEqual(["node", ...NODE_FLAGS, "/saasaparilla/image/run.ts"]);
});

test("of the native files the image keeps the one of its platform and Node, since the filter names the folder of all of them", () => {
  const dockerfile = readFileSync(join(import.meta.dirname, "../Dockerfile"), "utf8");
  const folder = /-path '\*(\/[^*']+\/)\*'/.exec(dockerfile)?.[1] ?? "nowhere";
  const recorded = readFileSync(join(import.meta.dirname, "../compose/local/native-files.json"), "utf8");
  const files = Object.entries(JSON.parse(recorded) as Record<string, Record<string, string>>).flatMap(([owner, of]) =>
    Object.keys(of).map((file) => `/${owner.replace(/@[^@]+$/, "")}/${file}`),
  );
  expect(files.filter((file) => !file.includes(folder))).toEqual([]);
  const kept = files.filter((file) => file.endsWith("/uws_linux_x64_127.node"));
  expect(kept).toHaveLength(1);
});
