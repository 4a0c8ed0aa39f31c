import { expect, test } from "vitest";
import { readInput, usage, WrongInput } from "./input.ts";

function wrong(args: string): string {
  try {
    readInput(args.split(" ").filter((arg) => arg !== ""));
  } catch (error) {
    if (error instanceof WrongInput) return error.message;
    throw error;
  }
  return "";
}

test("what is not given has its default; who is away is who is not connected", () => {
  const { input, json } = readInput(["--rate", "1e6", "--clients", "5", "--online", "0.25", "--json"]);
  expect(input).toMatchObject({ rate: 1_000_000, clients: 5, online: 0.25, offline: 0.75, zones: 3, headroom: 0.4 });
  expect(json).toBe(true);
  expect(readInput(["--rate", "1", "--clients", "5", "--offline", "0.1"]).input.offline).toBe(0.1);
});

test.for([
  ["", "--rate is not given"],
  ["", "--clients is not given"],
  ["--rate 0 --clients 1", '--rate "0"'],
  ["--rate many --clients 1", '--rate "many": is no number'],
  ["--rate 0x10 --clients 1", '--rate "0x10": is no number'],
  ["--rate=-1 --clients 1", '--rate "-1": is no number'],
  ["--rate= --clients 1", '--rate "": is no number'],
  ["--rate 1 --clients 1 --online 1.5", '--online "1.5"'],
  ["--rate 1 --clients 1 --average 0", '--average "0"'],
  ["--rate 1 --clients 1 --per-request 0.5", '--per-request "0.5"'],
  ["--rate 1 --clients 1 --zones 2.5", '--zones "2.5"'],
  ["--rate 1 --clients 1 --price-core dear", '--price-core "dear"'],
  ["--rate 1 --clients 1 --zones 2", "--headroom: with --zones 2 at least 0.5"],
  ["--rate 1 --clients 1 --headroom 0.2", '--headroom "0.2": with --zones 3 at least 0.34'],
  ["--rate 1 --clients 1 --onlin 0.5", "--onlin"],
  ["--rate 1 --clients 1 0.5", "0.5"],
] as const)("%s is refused: %s", ([args, said]) => {
  expect(wrong(args)).toContain(said);
});

test("each wrong flag has a line", () => {
  expect(wrong("--rate no --clients no --online 2").split("\n")).toHaveLength(3);
});

test("the usage has every flag, and what holds without it", () => {
  expect(usage()).toMatch(/--rate +required +notifications accepted a second/);
  expect(usage()).toMatch(/--connections-each +100000 /);
});
