import { readFileSync } from "node:fs";
import { join } from "node:path";
import { runInNewContext } from "node:vm";
import { keptInImage } from "#tools/licences/bill.ts";
import { NODE_FLAGS } from "@saasaparilla/shared/runtime/node-flags.ts";
import { expect, test } from "vitest";

test("the image runs services with the flags that the tests and the local stack run them with", () => {
  const dockerfile = readFileSync(join(import.meta.dirname, "../Dockerfile"), "utf8");
  const entrypoint = /^ENTRYPOINT (.*)$/m.exec(dockerfile)?.[1] ?? "";
  expect(JSON.parse(entrypoint)).toEqual(["node", ...NODE_FLAGS, "/saasaparilla/image/run.ts"]);
});

test.for([
  ["x64", "@uwsjs/linux-x64-22@20.51.4", "uws.node"],
  ["arm64", "uws-pack@20.0.8", "dist/bin/uws_linux_arm64_127.node"],
] as const)(
  "of the native files the image for %s keeps the one that the bill of materials says",
  ([arch, owner, file]) => {
    const dockerfile = readFileSync(join(import.meta.dirname, "../Dockerfile"), "utf8");
    expect(dockerfile).toContain("-o -name '*.node' \\)");
    const script = /! -path "\$\(node -p '([^']+)'\)" -delete/.exec(dockerfile)?.[1] ?? "";
    const process = { arch, versions: { modules: "127" } };
    const kept = runInNewContext(script, { process }) as string;
    const recorded = readFileSync(join(import.meta.dirname, "../tools/licences/native-files.json"), "utf8");
    const files = Object.entries(JSON.parse(recorded) as Record<string, Record<string, string>>).flatMap(
      ([of, hashes]) => Object.keys(hashes).map((one) => [of, one] as const),
    );
    const ends = kept.replace(/^\*/, "");
    const matching = files.filter(([of, one]) => `/${of.replace(/@[^@]+$/, "")}/${one}`.endsWith(ends));
    expect(matching).toEqual([[owner, file]]);
    expect(keptInImage(owner, file)).toBe(true);
  },
);
