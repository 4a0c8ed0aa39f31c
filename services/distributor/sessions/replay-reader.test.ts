import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { START } from "@saasaparilla/shared/protocol/notification.ts";
import { ReplayReader, type Asked } from "./replay-reader.ts";
import { createSession, type Page, type Session } from "./session.ts";

/** A Postgres that answers on command. */
interface Statement extends PromiseWithResolvers<Page[]> {
  asked: readonly Asked[];
  pageBytes: number;
}

const NOTHING: Page = { rows: [], more: false };
const MORE: Page = { rows: [], more: true };
let statements: Statement[];
let late: number;
let replayReader: ReplayReader;

beforeEach(() => {
  vi.useFakeTimers();
  statements = [];
  late = 0;
  replayReader = new ReplayReader({
    pages(asked, pageBytes) {
      const statement = { asked, pageBytes, ...Promise.withResolvers<Page[]>() };
      statements.push(statement);
      return statement.promise;
    },
    clock: () => performance.now(),
    asked: () => {},
    late: (count) => (late += count),
    weightOf: () => 1,
  });
});

afterEach(() => {
  vi.useRealTimers();
});

function session(client: string): Session {
  return createSession({ key: `acme/${client}`, id: 1, partition: 0, acknowledges: true, retracts: false }, undefined);
}

const sessions = (count: number, name: string): Session[] =>
  Array.from({ length: count }, (_, index) => session(`${name}${index}`));

const turn = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0);

async function answer(statement: Statement, page: Page): Promise<void> {
  statement.resolve(statement.asked.map(() => page));
  await turn();
}

const clients = ({ asked }: Statement): string[] => asked.map(({ client }) => client);

test("reads of one turn share one statement, at once", async () => {
  const pages = Promise.all(sessions(3, "a").map((one) => replayReader.page(one)));
  await turn();
  expect(statements.map(clients)).toEqual([["acme/a0", "acme/a1", "acme/a2"]]);
  expect(statements[0]!.asked[0]!.after).toBe(START);
  await answer(statements[0]!, NOTHING);
  expect(await pages).toEqual([NOTHING, NOTHING, NOTHING]);
});

test("reads that arrive during both statements share the next one, up to its limit", async () => {
  const pages: Promise<Page>[] = [];
  for (const name of ["a", "b"]) {
    pages.push(replayReader.page(session(name)));
    await turn();
  }
  pages.push(...sessions(200, "c").map((one) => replayReader.page(one)));
  await turn();
  expect(statements).toHaveLength(2);
  expect(replayReader.waiting).toBe(200);
  await answer(statements[0]!, NOTHING);
  expect(clients(statements[2]!)).toHaveLength(128);
  await answer(statements[1]!, NOTHING);
  expect(clients(statements[3]!)).toHaveLength(72);
  for (const statement of statements.slice(2)) await answer(statement, NOTHING);
  expect(await Promise.all(pages)).toHaveLength(202);
});

test("a session with more to read takes no place from new sessions, and continues after them", async () => {
  const long = sessions(100, "long");
  const first = long.map((one) => replayReader.page(one));
  await turn();
  await answer(statements[0]!, MORE);
  await Promise.all(first);
  const further = long.map((one) => replayReader.page(one));
  const fresh = replayReader.page(session("fresh"));
  await turn();
  // Their own two statements, and one for the other.
  expect(statements.slice(1).map(({ asked }) => asked.length)).toEqual([16, 16, 1]);
  expect(clients(statements[3]!)).toEqual(["acme/fresh"]);
  expect(statements[3]!.pageBytes).toBeLessThan(statements[1]!.pageBytes);
  await answer(statements[3]!, NOTHING);
  expect(await fresh).toEqual(NOTHING);
  for (let next = 1; next < statements.length; next += 1) await answer(statements[next]!, NOTHING);
  await Promise.all(further);
  const again = replayReader.page(long[0]!);
  await turn();
  expect(statements.at(-1)!.pageBytes).toBe(statements[0]!.pageBytes);
  await answer(statements.at(-1)!, NOTHING);
  await again;
});

test("a failed statement fails only its own reads", async () => {
  const failing = replayReader.page(session("a"));
  await turn();
  const other = replayReader.page(session("b"));
  await turn();
  statements[0]!.reject(new Error("gone"));
  await expect(failing).rejects.toThrow("gone");
  await answer(statements[1]!, NOTHING);
  expect(await other).toEqual(NOTHING);
});

test("a session that asks again before its turn is read once, from its current position", async () => {
  const blocking = sessions(2, "a").map(async (one) => replayReader.page(one));
  await turn();
  const blocked = replayReader.page(session("b"));
  await turn();
  const moving = session("moving");
  const both = Promise.all([replayReader.page(moving), replayReader.page(moving)]);
  moving.sent = "0001";
  await answer(statements[0]!, NOTHING);
  expect(statements[2]!.asked).toEqual([{ client: "acme/moving", after: "0001" }]);
  await answer(statements[2]!, NOTHING);
  expect(await both).toEqual([NOTHING, NOTHING]);
  await answer(statements[1]!, NOTHING);
  await Promise.all([...blocking, blocked]);
});

test("a connection that closes before its turn is not read", async () => {
  const [gone, here] = [session("gone"), session("here")];
  const pages = [replayReader.page(gone), replayReader.page(here)];
  gone.state = "CLOSED";
  await turn();
  expect(statements.map(clients)).toEqual([["acme/here"]]);
  await answer(statements[0]!, NOTHING);
  await Promise.all(pages);
});

test("a session is notified of a long wait, and counted", async () => {
  const underWay = [replayReader.page(session("a"))];
  await turn();
  underWay.push(replayReader.page(session("b")));
  await turn();
  const waiting = [replayReader.page(session("c")), replayReader.page(session("d"))].map((page) =>
    expect(page).rejects.toMatchObject({ kind: "retry" }),
  );
  await vi.advanceTimersByTimeAsync(4_000);
  const younger = replayReader.page(session("e"));
  await vi.advanceTimersByTimeAsync(1_000);
  await Promise.all(waiting);
  expect([late, replayReader.waiting]).toEqual([2, 1]);
  for (const statement of statements) await answer(statement, NOTHING);
  await answer(statements[2]!, NOTHING);
  expect(await Promise.all([...underWay, younger])).toHaveLength(3);
});

test("tenants take turns: one client does not wait for a whole crowd", async () => {
  const pages = sessions(1_000, "crowd").map((one) => replayReader.page(one));
  await turn();
  const other = createSession(
    { key: "other/one", id: 1, partition: 0, acknowledges: true, retracts: false },
    undefined,
  );
  pages.push(replayReader.page(other));
  await turn();
  await answer(statements[0]!, NOTHING);
  expect(clients(statements[2]!)).toContain("other/one");
  for (let next = 1; next < statements.length; next += 1) await answer(statements[next]!, NOTHING);
  await Promise.all(pages);
});
