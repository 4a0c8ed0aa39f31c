import { expect, test } from "vitest";
import { Askers } from "./askers.ts";
import type { Attempt } from "./audit.ts";
import { Failure } from "./errors.ts";
import { Gate } from "./gate.ts";
import type { Identities } from "./identities.ts";
import { Refused } from "./identity.ts";
import { createLog } from "./log.ts";
import { Origins } from "./origins.ts";

const asked = { method: "get", path: "/v1/poll", address: "127.0.0.1" };

function gateThat(fails: () => Error): { gate: Gate; noted: Attempt[]; logged: string[] } {
  const noted: Attempt[] = [];
  const logged: string[] = [];
  const log = createLog("test", "silent");
  log.error = (_: unknown, text?: string) => void logged.push(text ?? "");
  const identities = {
    authorize() {
      throw fails();
    },
  } as unknown as Identities;
  const strangers = new Askers({ rate: 1, burst: 100 });
  return {
    gate: new Gate({
      identities,
      audit: { note: (attempt) => noted.push(attempt) },
      origins: new Origins([]),
      strangers,
      log,
    }),
    noted,
    logged,
  };
}

test("where it cannot be said who may, nobody was refused: nothing is written down of each, and the log says it once", () => {
  const { gate, noted, logged } = gateThat(() => new Failure("retry", "Who may do what is not known yet."));
  for (let time = 0; time < 50; time += 1) expect(() => gate.pass("t", "subscribe", asked)).toThrow("not known yet");
  expect(noted).toEqual([]);
  expect(logged).toEqual(["tokens cannot be checked"]);
});

test("each who is refused is written down", () => {
  const { gate, noted } = gateThat(() => new Refused("no token was sent"));
  for (let time = 0; time < 3; time += 1) expect(() => gate.pass(undefined, "subscribe", asked)).toThrow(Refused);
  expect(noted.map(({ allowed, why }) => `${allowed} ${why}`)).toEqual(Array(3).fill("false no token was sent"));
});
