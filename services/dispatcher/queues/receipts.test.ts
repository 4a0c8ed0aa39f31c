import { expect, test } from "vitest";
import { Receipts, RECEIPT_FORM } from "./receipts.ts";

const sequence = "0001000000000000a00";

test("a receipt is read back, with the attempt of its claim", () => {
  const receipts = new Receipts("acme/{jobs}");
  for (const attempts of [undefined, 1, 12]) {
    const receipt = receipts.of(sequence, attempts);
    expect(receipt).toMatch(RECEIPT_FORM);
    expect(receipts.read(receipt)).toEqual({ sequence, attempts });
  }
});

test("a receipt of another queue is unknown", () => {
  expect(new Receipts("acme/{other}").read(new Receipts("acme/{jobs}").of(sequence))).toBeUndefined();
});
