import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { checksum } from "./checksum.ts";

const run = promisify(execFile);

/** How often V8 discards the compiled checksum while a new process checks large batches. */
async function discarded({ warm }: { warm: boolean }): Promise<number> {
  const program = `
    import { checksum, warmUpChecksum } from ${JSON.stringify(new URL("./checksum.ts", import.meta.url).href)};
    if (${warm}) warmUpChecksum();
    const bytes = Buffer.alloc(1 << 20, 7);
    for (let call = 0; call < 100; call += 1) {
      checksum(bytes);
      await new Promise((resolve) => setImmediate(resolve));
    }`;
  const { stdout } = await run(process.execPath, ["--trace-deopt", "--input-type=module", "--eval", program], {
    maxBuffer: 64 << 20,
  });
  return stdout.split("\n").filter((line) => line.includes("bailout (kind") && line.includes("crc32C")).length;
}

it("computes the check value of CRC-32C (RFC 3720, B.4)", () => {
  expect(checksum(Buffer.alloc(32))).toBe(0x8a9136aa);
});

it("stays compiled when the first batches are large", async () => {
  expect(await discarded({ warm: false })).toBeGreaterThan(10);
  expect(await discarded({ warm: true })).toBeLessThanOrEqual(2);
});
