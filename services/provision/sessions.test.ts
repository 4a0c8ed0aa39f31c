import { connectionName, FORMAT } from "@saasaparilla/shared/protocol/format.ts";
import { expect, test } from "vitest";
import { Sessions, type SessionRow } from "./sessions.ts";

const session = (change: Partial<SessionRow>): SessionRow => ({
  id: "1",
  name: "receiver",
  role: "owner",
  host: "10.0.0.5",
  query: `select version from "mine".access_version`,
  ...change,
});

const lines = (...rows: SessionRow[]): string[] => new Sessions("mine").tooOld(rows);

test("a session of an earlier version is named once for each process, and one of the newest never", () => {
  expect(lines(session({}), session({ id: "2" }), session({ name: "director", host: "10.0.0.6" }))).toEqual([
    "receiver at 10.0.0.5 (in Postgres) reads only format 1",
    "director at 10.0.0.6 (in Postgres) reads only format 1",
  ]);
  expect(lines(session({ name: connectionName("receiver", FORMAT) }))).toEqual([]);
  expect(lines(session({ name: connectionName("receiver", FORMAT - 1) }))).toHaveLength(1);
});

test("a role or a statement tells the platforms of one database apart; a session whose platform is unknown counts", () => {
  expect(lines(session({ role: "mine_receiver", query: "<insufficient privilege>" }))).toHaveLength(1);
  expect(lines(session({ role: "other_receiver", query: "<insufficient privilege>" }))).toEqual([]);
  expect(lines(session({ query: `select version from "other".access_version` }))).toEqual([]);
  for (const query of ["COMMIT", "", "<insufficient privilege>"])
    expect(lines(session({ query }))).toEqual([
      "receiver at 10.0.0.5 (in Postgres) reads only format 1, and Postgres does not show its platform (role owner)",
    ]);
});

test("a session that named another platform stays that platform's, and another session does not", () => {
  const sessions = new Sessions("mine");
  expect(sessions.tooOld([session({ query: `select 1 from "other".epochs` })])).toEqual([]);
  expect(sessions.tooOld([session({ query: "COMMIT" })])).toEqual([]);
  expect(sessions.tooOld([session({ id: "2", query: "COMMIT" })])).toHaveLength(1);
});
