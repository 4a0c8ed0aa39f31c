import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { BodyGuard } from "./body-guard.ts";
import { Body } from "./request-body.ts";
import type { Request } from "./request.ts";
import type { HttpResponse } from "./response.ts";

function bodyOf(whole: (bytes: Buffer) => void, guard?: BodyGuard): Body {
  return new Body({
    request: {} as Request,
    maxBytes: 64 << 20,
    withinMs: 60_000,
    guard,
    admitted: undefined,
    cut: () => {},
    refuse: () => {},
    whole,
  });
}

test("a body is its chunks, of any sizes", () => {
  const size = fc.oneof(fc.nat(3), fc.nat(5_000), fc.constantFrom(0, 4_095, 4_096, 70_000));
  fc.assert(
    fc.property(fc.array(size, { maxLength: 60 }), (sizes) => {
      const chunks = sizes.map((length, at) => Buffer.alloc(length, at + 1));
      let got: Buffer | undefined;
      const body = bodyOf((bytes) => (got = bytes));
      for (const chunk of chunks) body.add(chunk);
      body.end();
      expect(got!.equals(Buffer.concat(chunks))).toBe(true);
    }),
  );
});

test("a single chunk, or a large one, is not copied", () => {
  const chunk = Buffer.alloc(1_000_000);
  let got: Buffer | undefined;
  const body = bodyOf((bytes) => (got = bytes));
  body.add(chunk);
  body.end();
  expect(got).toBe(chunk);
});

test("chunks of one byte take little more memory than their bytes", () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const used = (): number => {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const body = bodyOf(() => {});
  const before = used();
  for (let at = 0; at < 300_000; at += 1) body.add(Buffer.from([at & 255]));
  expect(used() - before).toBeLessThan(3_000_000);
  body.finish();
});

test("bytes before a late decision are granted with it, and released once", () => {
  const caller = {};
  const busy = { status: 503 };
  const slow = { status: 408 };
  /** The body has 3 bytes before the decision. `done`: it ends before it, and is refused or not. */
  const calls = (free: number, done?: { refused?: HttpResponse }) => {
    const told: unknown[] = [];
    const guard: BodyGuard = {
      admit: () => caller,
      grant(_, bytes) {
        told.push(bytes);
        return bytes > free ? busy : undefined;
      },
      release: (_, admitted, bytes, refused) => told.push([admitted === caller, bytes, refused]),
    };
    const body = bodyOf(() => {}, guard);
    body.add(Buffer.from("abc"));
    if (done) body.finish(done.refused);
    const decision = body.decided(caller);
    body.add(Buffer.from("de"));
    body.finish();
    return [decision, ...told];
  };
  expect(calls(9)).toEqual([caller, 3, 2, [true, 5, undefined]]);
  expect(calls(2)).toEqual([busy, 3, 2, [true, 2, undefined]]);
  expect(calls(9, { refused: slow })).toEqual([caller, [true, 0, slow]]);
  expect(calls(9, {})).toEqual([caller, [true, 0, undefined]]);
});
