import { expect, test } from "vitest";
import { settings } from "#services/receiver/settings.ts";
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

test("missing flags have their defaults; clients that are not connected are away", () => {
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
  ["--rate=-1 --clients 1", '--rate "-1": is below 0'],
  ["--rate -5 --clients 1", '--rate "-5": is below 0'],
  ["--rate -many --clients 1", '--rate "-many": is no number'],
  ["--clients 1 --rate", "--rate has no value"],
  ["--rate --clients 1", "--rate has no value"],
  ["--rate= --clients 1", '--rate "": is no number'],
  ["--rate 1 --clients 1 --online 1.5", '--online "1.5"'],
  ["--rate 1 --clients 1 --average 0", '--average "0"'],
  ["--rate 1 --clients 1.5", '--clients "1.5": is not whole'],
  ["--rate 1 --clients 1 --payload 200.5", '--payload "200.5": is not whole'],
  ["--rate 1 --clients 1 --per-request 0.5", '--per-request "0.5": is not whole'],
  ["--rate 1 --clients 1 --connections-each 0.5", '--connections-each "0.5": is not whole'],
  ["--rate 1 --clients 1 --zones 2.5", '--zones "2.5": is not whole'],
  ["--rate 1 --clients 1 --replicas 2.5", '--replicas "2.5": is not whole'],
  ["--rate 1 --clients 1 --copies 2.5", '--copies "2.5": is not whole'],
  ["--rate 1 --clients 1 --payload 524289", '"524289": is more than MAX_DATA_BYTES of a receiver may be: 524288'],
  ["--rate 1 --clients 1 --price-core dear", '--price-core "dear"'],
  ["--rate 1 --clients 1 --zones 2", "--headroom: with --zones 2 at least 0.5"],
  ["--rate 1 --clients 1 --headroom 0.2", '--headroom "0.2": with --zones 3 at least 0.34'],
  ["--rate 1 --clients 1 --onlin 0.5", "--onlin: a plan has no such flag"],
  ["--rate 1 --clients 1 --constants", "--constants: a plan has no such flag"],
  ["--rate 1 --clients 1 --constructor 1", "--constructor: a plan has no such flag"],
  ["--rate 1 --clients 1 -5", "-5: a plan has no such flag"],
  ["--rate 1 --clients 1 0.5", '"0.5": belongs to no flag'],
  ["--rate 1 --clients 1 --json=yes", '--json "yes": it takes no value'],
] as const)("%s is refused: %s", ([args, said]) => {
  expect(wrong(args)).toContain(said);
});

test("each wrong flag has a line", () => {
  expect(wrong("--rate no --clients 0.5 --online 2 --payload -0.5").split("\n")).toHaveLength(4);
});

test("an unknown flag is reported alone, because its value would count as another flag", () => {
  expect(wrong("--foo 1 --bar 2")).toBe("--foo: a plan has no such flag");
  expect(wrong("--rate --clients 1")).toBe("--rate has no value");
});

test("a plan accepts as many bytes as a receiver's setting allows", () => {
  const { input } = readInput(["--rate", "1", "--clients", "1", "--payload", "524288"]);
  expect(settings.shape.MAX_DATA_BYTES.safeParse(input.payload).success).toBe(true);
  expect(settings.shape.MAX_DATA_BYTES.safeParse(input.payload + 1).success).toBe(false);
});

test("the usage has every flag and its default", () => {
  expect(usage()).toMatch(/--rate +required +notifications accepted a second/);
  expect(usage()).toMatch(/--connections-each +100000 /);
});
