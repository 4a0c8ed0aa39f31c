import { beforeEach, expect, test } from "vitest";
import { packSequence, sequenceAt, START } from "@saasaparilla/shared/protocol/notification.ts";
import { CursorCheck } from "./cursor-check.ts";

const EPOCH = 2;
const at = (offset: number, epoch = EPOCH) => sequenceAt(packSequence(epoch, offset), 0);

/** Pending questions to Kafka. */
let questions: ((end: number) => void)[];
let cursorCheck: CursorCheck;
let told: string[];

beforeEach(() => {
  questions = [];
  told = [];
  cursorCheck = new CursorCheck(EPOCH, (found) => questions.push(found));
});

const ask = (name: string, sequence: string): void =>
  cursorCheck.when(name, sequence, (known) => told.push(`${name} ${known}`));

test("R4: read offsets answer at once; a later epoch is unknown; an earlier epoch and the start are known", () => {
  cursorCheck.read(5);
  ask("a", at(4));
  ask("b", at(4, EPOCH + 1));
  ask("c", at(4_000, EPOCH - 1));
  ask("d", START);
  expect([told, questions.length]).toEqual([["a true", "b false", "c true", "d true"], 0]);
});

test("R4: one answer serves all requests before its question began; later requests wait for the next question", () => {
  for (let n = 0; n < 1_000; n += 1) ask(`early ${n}`, at(7));
  ask("early", at(8));
  expect(questions).toHaveLength(1);
  questions[0]!(8);
  // The first request caused the question; the others came while it was under way.
  expect(told).toEqual(["early 0 true"]);
  expect(questions).toHaveLength(2);
  questions[1]!(8);
  expect(told).toHaveLength(1_001);
  expect(told.at(-1)).toBe("early false");
});

test("a repeated request is answered once, and a cancelled one never", () => {
  ask("first", at(9));
  ask("again", at(9));
  ask("again", at(3));
  ask("gone", at(9));
  cursorCheck.forget("gone");
  cursorCheck.forget("first");
  questions[0]!(5);
  expect(told).toEqual([]);
  questions[1]!(5);
  expect(told).toEqual(["again true"]);
});
