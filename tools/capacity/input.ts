import { parseArgs } from "node:util";
import { z } from "zod";
import { MOST_DAYS } from "@saasaparilla/shared/auth/policies/inbox-setting.ts";
import { distributorSettings } from "#services/distributor/settings.ts";
import { settings as receiverSettings } from "#services/receiver/settings.ts";

/** The inputs of a plan. Each member is a flag: `perRequest` is --per-request. */
const number = z
  .string()
  .regex(/^(?!-\d)/, { error: "is below 0", abort: true })
  .regex(/^\d+(\.\d+)?(e\d+)?$/, "is no number")
  .pipe(z.coerce.number());
const positive = number.pipe(z.number().positive().max(1e15));
const amount = number.pipe(z.number().min(0).max(1e15));
const share = number.pipe(z.number().min(0).max(1));
/** An integer: these things have no fractions. */
const count = (most: number, why?: string) => number.pipe(z.number().int("is not whole").min(1).max(most, why));
const few = count(9);
const many = count(1e15);

const MAX_CONNECTIONS = distributorSettings.shape.MAX_CONNECTIONS.parse(undefined);
/** The largest value of the setting. */
const MAX_DATA_BYTES = receiverSettings.shape.MAX_DATA_BYTES.unwrap().maxValue!;

const flags = z.strictObject({
  rate: positive.describe("notifications accepted a second, at the peak"),
  clients: many.describe("clients that ever get a notification"),
  online: share.default(0.1).describe("share of the clients that is connected"),
  offline: share.optional().describe("share of the notifications that go to offline clients; else as the clients are"),
  average: number
    .pipe(z.number().positive().max(1))
    .default(1)
    .describe("the mean rate as a share of the peak; it decides how much is stored"),
  payload: count(MAX_DATA_BYTES, `is more than MAX_DATA_BYTES of a receiver may be: ${MAX_DATA_BYTES}`)
    .default(200)
    .describe("bytes of data in a notification"),
  perRequest: count(10_000).default(100).describe("notifications in a publisher's request"),
  ids: share.default(0).describe("share of the notifications with an id from the publisher"),
  keys: share.default(0).describe("share of the requests with an Idempotency-Key"),
  membersPerSecond: amount
    .default(0)
    .describe("members that publications to groups and exchanges reach a second, at the peak; beside --rate"),
  queueRate: amount.default(0).describe("messages through queues a second, at the peak; beside --rate"),
  inboxRate: amount
    .default(0)
    .describe("notifications that go to inboxes a second, at the peak; of --rate and of members"),
  inboxDays: positive
    .pipe(z.number().max(MOST_DAYS))
    .default(MOST_DAYS)
    .describe("days that inboxes keep notifications"),
  inboxLists: amount.default(0).describe("lists that clients read a second, of 50 each, at the peak"),
  inboxMarks: amount.default(0).describe("marks that clients set a second, at the peak"),
  reconnects: amount.default(1).describe("reconnects of each connected client in an hour"),
  storedDays: amount.default(1).describe("days that a stored notification waits for its client, on average"),
  retentionDays: positive.default(7).describe("days of retention of the accepted topic"),

  headroom: number.pipe(z.number().min(0).max(0.9)).default(0.4).describe("free share of all bought resources"),
  zones: few.default(3).describe("zones; the plan survives the loss of one"),
  connectionsEach: many.default(MAX_CONNECTIONS).describe("connections of each distributor: MAX_CONNECTIONS"),
  lanesGib: positive.default(2).describe("GiB of memory for the lanes of each director"),
  replicas: few.default(3).describe("copies of each Kafka record"),
  copies: few.default(2).describe("copies of each Redis and Postgres, including the primary"),
  brokerCores: positive.default(16),
  brokerGib: positive.default(64),
  brokerDisk: positive.default(16_384).describe("GiB"),
  brokerNetwork: positive.default(1_250).describe("MB/s each way"),
  brokerWrite: positive.default(500).describe("MB/s to its disks"),
  redisGib: positive.default(16),
  postgresCores: positive.default(16),
  postgresGib: positive.default(64),
  postgresDisk: positive.default(8_192).describe("GiB"),
  postgresWrite: positive.default(250).describe("MB/s of its log"),

  priceCore: amount.default(25).describe("price of a core for a month"),
  priceGib: amount.default(3).describe("price of a GiB of memory for a month"),
  priceDisk: amount.default(0.1).describe("price of a GiB of disk for a month"),
  priceTraffic: amount.default(0.02).describe("price of a GiB sent to clients"),
});

const schema = flags
  .transform((input) => ({ ...input, offline: input.offline ?? 1 - input.online }))
  .superRefine(({ headroom, zones, rate, membersPerSecond, inboxRate }, context) => {
    if (inboxRate > rate + membersPerSecond)
      context.addIssue({
        code: "custom",
        path: ["inboxRate"],
        message: "is more than --rate and --members-per-second together",
      });
    const least = 1 / zones;
    if (zones > 1 && headroom < least) {
      context.addIssue({
        code: "custom",
        path: ["headroom"],
        message: `with --zones ${zones} at least ${Math.ceil(least * 100) / 100}, or the others could not carry a lost zone's load`,
      });
    }
  });

export type Input = z.output<typeof schema>;

/** The wrong flags, one line for each. */
export class WrongInput extends Error {}

/** Reads a command line. */
export function readInput(args: readonly string[]): { input: Input; json: boolean } {
  const { json, ...given } = parse(args);
  const named = Object.keys(flags.shape).flatMap((name) => {
    const value = given[flagOf(name)];
    return value === undefined ? [] : [[name, value] as const];
  });
  const result = schema.safeParse(Object.fromEntries(named));
  if (result.success) return { input: result.data, json: json === true };
  const lines = result.error.issues.map(({ path, code, message }) => {
    const flag = flagOf(String(path[0]));
    const value = given[flag];
    if (value !== undefined) return `--${flag} ${JSON.stringify(value)}: ${message}`;
    return code === "custom" ? `--${flag}: ${message}` : `--${flag} is not given`;
  });
  throw new WrongInput(lines.join("\n"));
}

/** Not strict, so that errors have our own words. Only the first error counts, because it may cause the later ones. */
function parse(args: readonly string[]) {
  const valued = new Set(Object.keys(flags.shape).map(flagOf));
  const options = Object.fromEntries([...valued].map((flag) => [flag, { type: "string" }] as const));
  const { values, tokens } = parseArgs({
    args: [...args],
    options: { ...options, json: { type: "boolean" } },
    strict: false,
    tokens: true,
  });
  for (const token of tokens) {
    if (token.kind === "positional") throw new WrongInput(`${JSON.stringify(token.value)}: belongs to no flag`);
    if (token.kind === "option-terminator") continue;
    const { name, rawName, value, inlineValue } = token;
    if (valued.has(name)) {
      // Otherwise the next flag would count as its value.
      if (value === undefined || (!inlineValue && value.startsWith("--")))
        throw new WrongInput(`${rawName} has no value`);
    } else if (rawName !== "--json") throw new WrongInput(`${rawName}: a plan has no such flag`);
    else if (value !== undefined) throw new WrongInput(`${rawName} ${JSON.stringify(value)}: it takes no value`);
  }
  return values;
}

/** A line for each flag, with its meaning and its default. */
export function usage(): string {
  const lines = Object.entries(flags.shape)
    .map(([name, flag]) => {
      const known = flag.safeParse(undefined);
      const byDefault = known.success ? String(known.data ?? "") : "required";
      return `  --${flagOf(name).padEnd(18)} ${byDefault.padEnd(9)} ${flag.description ?? ""}`.trimEnd();
    })
    .join("\n");
  return `npx just capacity, with\n${lines}\nand --json; or one of --constants, --memory, --document and --help alone`;
}

function flagOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
