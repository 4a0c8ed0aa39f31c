import { expect, test } from "vitest";
import { startSpan } from "./spans.ts";
import { readTraceparent } from "./traceparent.ts";

const trace = "0af7651916cd43dd8448eb211c80319c";
const span = "b7ad6b7169203331";

test("without an SDK the caller's context is passed on, and an invalid one is ignored", () => {
  const carried = (header?: string): string => startSpan("publish", "server", header).traceparent;
  expect(carried(`00-${trace}-${span}-01`)).toBe(`00-${trace}-${span}-01`);
  expect(carried(`00-${trace}-${span}-03`)).toBe(`00-${trace}-${span}-03`);
  expect(carried(`01-${trace}-${span}-ff-more`)).toBe(`00-${trace}-${span}-03`);
  for (const wrong of [
    undefined,
    "",
    `00-${trace}-${span}`,
    `ff-${trace}-${span}-01`,
    `00-${trace}-${span}-01-more`,
    `00-${"0".repeat(32)}-${span}-01`,
    `00-${trace}-${"0".repeat(16)}-01`,
    `00-${trace.toUpperCase()}-${span}-01`,
  ]) {
    expect(readTraceparent(wrong)).toBeUndefined();
    expect(carried(wrong)).toBe("");
  }
});
