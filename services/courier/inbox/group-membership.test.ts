import { expect, test } from "vitest";
import { createLog } from "@saasaparilla/shared/runtime/log.ts";
import { GroupMembership } from "./group-membership.ts";

test("it joins once inboxes are known and wanted, leaves when they are not, and changes one at a time", async () => {
  const calls: string[] = [];
  const open: (() => void)[] = [];
  let wanted: boolean | undefined;
  const membership = new GroupMembership({
    wanted: () => wanted,
    async join() {
      calls.push("join");
      await new Promise<void>((resolve) => open.push(resolve));
      return {
        leave() {
          calls.push("leave");
          return Promise.resolve();
        },
      };
    },
    log: createLog("test", "fatal"),
    fatal: (error) => {
      throw error as Error;
    },
  });
  await membership.look();
  expect(calls).toEqual([]);
  wanted = true;
  const joining = membership.look();
  await membership.look();
  expect(calls).toEqual(["join"]);
  open[0]!();
  await joining;
  await membership.look();
  wanted = false;
  await membership.look();
  await membership.look();
  expect(calls).toEqual(["join", "leave"]);
});

test("a failed join ends the process, and the end does not wait for a join that hangs", async () => {
  const fatal: unknown[] = [];
  const parts = { wanted: () => true, log: createLog("test", "fatal"), fatal: (error: unknown) => fatal.push(error) };
  await new GroupMembership({ ...parts, join: () => Promise.reject(new Error("a defect")) }).look();
  expect(fatal).toHaveLength(1);
  const hanging = new GroupMembership({ ...parts, join: () => new Promise(() => {}) });
  void hanging.look();
  await hanging.end();
});
