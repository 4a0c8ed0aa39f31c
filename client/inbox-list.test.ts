import fc from "fast-check";
import { expect, test } from "vitest";
import type { InboxItem, Mark } from "./api.ts";
import { type Answer, List } from "./inbox-list.ts";
import type { MarkRequest } from "./inbox-marks.ts";

const item = (n: number, more: Partial<InboxItem> = {}): InboxItem => ({
  id: `id-${n}`,
  cursor: `c${String(n).padStart(4, "0")}`,
  publishedAt: "",
  mark: null,
  data: n,
  ...more,
});

const answer = (items: InboxItem[], more: Partial<Answer<unknown>> = {}): Answer<unknown> => ({
  items,
  unread: items.filter(({ mark }) => mark !== "read").length,
  unseen: items.filter(({ mark }) => mark === null).length,
  more: false,
  events: ["*"],
  ...more,
});

const shown = (list: List<unknown>): unknown => {
  const { items, unread, unseen } = list.view([]);
  return { items: items.map(({ id, mark }) => [id, mark]), unread, unseen };
};

/** Something that a tab hears: of another device, of the publisher, or of the server. */
type Fact = (list: List<unknown>) => void;

const marking = fc.record({
  mark: fc.constantFrom<Mark>("seen", "read", "archived"),
  at: fc.integer({ min: 1, max: 6 }),
  upTo: fc.boolean(),
});

test("whatever the order of marks and replacements, and however old the server's answer, the list ends the same", () => {
  const facts = fc.tuple(
    fc.array(marking, { maxLength: 6 }),
    fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 3 }),
  );
  fc.assert(
    fc.property(facts, fc.infiniteStream(fc.nat()), ([marks, retracts], random) => {
      const all: Fact[] = [
        ...marks.map(({ mark, at, upTo }): Fact => {
          const { id, cursor } = item(at);
          return (list) => list.mark(upTo ? { mark, upTo: cursor } : { mark, ids: [id] }, {});
        }),
        ...retracts.map(
          (n): Fact =>
            (list) =>
              list.retract("key", item(n).cursor),
        ),
        // The server's answer from before all of that.
        (list) => list.replace(answer([6, 5, 4, 3, 2, 1].map((n) => item(n, n % 2 === 0 ? { collapse: "key" } : {})))),
      ];
      const [one, other] = [new List<unknown>(), new List<unknown>()];
      for (const fact of all) fact(one);
      const left = [...all];
      while (left.length > 0) left.splice(random.next().value % left.length, 1)[0]!(other);
      expect(shown(other)).toEqual(shown(one));
    }),
  );
});

test("the numbers count items that are not loaded", () => {
  const list = new List<unknown>();
  list.replace(answer([item(9), item(8, { mark: "read" })], { unread: 6, unseen: 3, more: true }));
  expect(shown(list)).toMatchObject({ unread: 6, unseen: 3 });
  list.append(answer([item(7), item(6, { mark: "seen" })], { unread: 6, unseen: 3, more: true }), item(8).cursor);
  expect(shown(list)).toMatchObject({ unread: 6, unseen: 3 });
  list.append(answer([item(5, { mark: "seen" }), item(4, { mark: "seen" }), item(3)]), item(6).cursor);
  expect(shown(list)).toMatchObject({ unread: 6, unseen: 3 });
  expect(list.more).toBe(false);
});

test("older items that do not follow the held ones are ignored", () => {
  const list = new List<unknown>();
  list.replace(answer([item(9)], { more: true }));
  list.append(answer([item(3)]), item(5).cursor);
  expect(list.size).toBe(1);
});

test("a list that another tab loaded does not take the older items", () => {
  const list = new List<unknown>();
  list.replace(answer([item(9), item(8), item(7)], { unread: 6, unseen: 6, more: true }));
  list.replace(answer([item(10), item(9)], { unread: 7, unseen: 7, more: true }), true);
  expect(shown(list)).toMatchObject({ unread: 7, unseen: 7 });
  expect(list.size).toBe(4);
});

test("marks that wait show at once, and go without a trace", () => {
  const list = new List<unknown>();
  list.replace(answer([item(2), item(1)], { unread: 9, unseen: 9, more: true }));
  const before = list.view([]);
  const request: MarkRequest = { mark: "read", upTo: item(2).cursor };
  expect(list.view([request])).toMatchObject({ unread: 0, unseen: 0 });
  expect(list.view([])).toEqual(before);
});

test("a replayed notification is shown only from an answer, and asked for", () => {
  const list = new List<unknown>();
  list.replace(answer([item(1)]));
  list.add(item(2), true);
  expect(list.size).toBe(1);
  list.replace(answer([item(1)]));
  expect(list.misses).toBe(1);
  list.replace(answer([item(2), item(1)]));
  expect(list.misses).toBe(0);
});

test("at most 500 items are held", () => {
  const list = new List<unknown>();
  list.replace(answer([]));
  for (let n = 1; n <= 510; n += 1) list.add(item(n));
  expect(list.size).toBe(500);
  expect(list.view([]).unread).toBe(500);
});

test("numbers of the server that differ make the list doubtful until its next answer", () => {
  const list = new List<unknown>();
  list.replace(answer([item(2), item(1)]));
  list.mark({ mark: "read", ids: ["id-1"] }, { unread: 1, unseen: 1 });
  expect(list.doubtful).toBe(false);
  // One has expired there.
  list.mark({ mark: "seen", ids: ["id-2"] }, { unread: 0, unseen: 0 });
  expect(list.doubtful).toBe(true);
  list.replace(answer([]));
  expect(list.doubtful).toBe(false);
});
