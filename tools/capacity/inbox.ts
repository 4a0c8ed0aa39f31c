import { MOST_ITEMS } from "@saasaparilla/shared/auth/policies/inbox-setting.ts";
import { courierSettings } from "#services/courier/settings.ts";
import type { Values } from "./constants.ts";
import type { Input } from "./input.ts";
import { bought, DAY, Part, type Line } from "./line.ts";
import type { Load } from "./load.ts";
import { podsOf, serviceOf, type Service } from "./services.ts";

/**
 * CPU microseconds that no figure of `just bench` has yet: for a notification that couriers only read, for one that
 * they insert, for a list of 50 and for a mark. Lists and marks are of full inboxes, because both count all 500 items.
 * docs/internals/inbox.md has the measurements.
 */
export const inboxCost = {
  courier: { passed: 1, item: 36, list: 1_300, mark: 200 },
  postgres: { passed: 0, item: 53, list: 3_900, mark: 6_000 },
} as const;

/** Bytes of a row with its indexes, and of its part of the log, with a payload of MEASURED_PAYLOAD. */
export const inboxRow = { kept: 410, log: 650 } as const;

const PARTITION_BYTES = courierSettings.shape.PARTITION_MAX_BYTES.parse(undefined);

/** Busy cores. */
export function inboxCores(load: Load, by: keyof typeof inboxCost): number {
  const { passed, item, list, mark } = inboxCost[by];
  const { inboxed, lists, marks } = load;
  const read = inboxed > 0 ? load.accepted + load.members + load.queued : 0;
  return (read * passed + inboxed * item + lists * list + marks * mark) / 1e6;
}

/** The formula's text in a line. */
export function inboxFormula(by: keyof typeof inboxCost): string {
  const { passed, item, list, mark } = inboxCost[by];
  const read = passed > 0 ? `all written x ${passed} us, if any goes to inboxes, + ` : "";
  return `${read}to inboxes x ${item} us + lists x ${list} us + marks x ${mark} us`;
}

/** Rows of inboxes: all of --inbox-days, within the limit of each client's newest items. */
export function inboxRows({ clients, average, inboxDays }: Input, { inboxed }: Load): number {
  return Math.min(inboxed * average * inboxDays * DAY, clients * MOST_ITEMS);
}

/** `partitions` of accepted. */
export function courier(
  input: Input,
  values: Values,
  load: Load,
  partitions: number,
  owned?: readonly Line[],
): Service {
  const part = new Part("Courier", owned);
  const busy = part.need("busy", inboxCores(load, "courier"), "cores", inboxFormula("courier"));
  const pods = podsOf(part, input, [[bought(busy, 1, input.headroom), "busy / (1 - --headroom)"]]);
  const memory = values["receiver.process"] * 2 ** 20 + (load.inboxed > 0 ? (partitions / pods) * PARTITION_BYTES : 0);
  const from = "receiver.process + partitions of accepted / pods x PARTITION_MAX_BYTES, at most";
  return serviceOf(part, pods, busy, memory, from);
}
