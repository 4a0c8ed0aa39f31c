import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, onTestFinished, test } from "vitest";

const hook = resolve(import.meta.dirname, "../../.lefthook/commit-msg/subject.mjs");

/** The hook's output for a message: empty if it is accepted. */
function refusal(message: string): string {
  const folder = mkdtempSync(join(tmpdir(), "subject-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "message"), message);
  const { status, stderr } = spawnSync(process.execPath, [hook, join(folder, "message")], { encoding: "utf8" });
  expect(status).toBe(stderr === "" ? 0 : 1);
  return stderr;
}

test.for([
  "fix(receiver): refuse a body without a length",
  "feat(client,distributor)!: send an acknowledgement by frame\n\nA body that may be as long as it needs to be, and longer than 72 characters.",
  `chore(release): ${"x".repeat(72 - 16)}`,
  "Merge branch 'main'",
  'Revert "fix(receiver): refuse a body without a length"',
  "fixup! fix(receiver): refuse a body without a length",
])("the subject %j is accepted", (message) => {
  expect(refusal(message)).toBe("");
});

test.for([
  ["Refuse a body without a length", "type and a scope"],
  ["fix: refuse a body without a length", "type and a scope"],
  ["Fix(receiver): refuse a body", "type and a scope"],
  ["fix(receiver) refuse a body", "type and a scope"],
  ["", "type and a scope"],
  [`chore(release): ${"x".repeat(72 - 15)}`, "73 characters"],
  ["fix(receiver): refuse a body.", "full stop"],
] as const)("the subject %j is refused: %s", ([message, said]) => {
  expect(refusal(message)).toContain(said);
});
