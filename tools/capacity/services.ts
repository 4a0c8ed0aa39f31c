import { directorSettings } from "#services/director/settings.ts";
import { dispatcherSettings } from "#services/dispatcher/settings.ts";
import { settings as receiverSettings } from "#services/receiver/settings.ts";
import { BORROWED } from "@saasaparilla/shared/fairness/fair-share.ts";
import { MEASURED_PAYLOAD, type Values } from "./constants.ts";
import { dispatchCores, dispatchFormula } from "./dispatch.ts";
import type { Input } from "./input.ts";
import { bought, coresOf, GIB, largest, MEGA, MIB, moreOf, Part, type Bound, type Line, type Taken } from "./line.ts";
import type { Load } from "./load.ts";

/** Each of our processes has one event loop, and so one core. */
export interface Service extends Taken {
  pods: number;
  /** Busy cores. */
  busy: number;
}

const PARTITION_MAX_BYTES = directorSettings.shape.PARTITION_MAX_BYTES.parse(undefined);
const PARTITION_MAX_UNSETTLED = directorSettings.shape.PARTITION_MAX_UNSETTLED.parse(undefined);
const MAX_LANES = directorSettings.shape.MAX_LANES.parse(undefined);
const ACK_SECONDS = directorSettings.shape.ACK_MS.parse(undefined) / 1_000;
const FANOUT_RATE = dispatcherSettings.shape.FANOUT_RATE.parse(undefined);
const DISPATCH_PARTITION_BYTES = dispatcherSettings.shape.PARTITION_MAX_BYTES.parse(undefined);
const MAX_QUEUED_BYTES = receiverSettings.shape.MAX_QUEUED_BYTES.parse(undefined);
/**
 * A lone tenant's share of the unsettled limit of a partition, for notifications that wait for its clients. More are
 * stored, and replayed.
 */
const WAITING_PART = BORROWED / (BORROWED + 1) / 2;
/** Enough partitions that one more makes little difference to a process's work. */
const PARTITIONS_EACH = 4;

export function receiver(input: Input, values: Values, { accepted }: Load, owned?: readonly Line[]): Service {
  const part = new Part("Receiver", owned);
  const request = Math.max(0, values["receiver.single"] - values["receiver.notification"]);
  const each = values["receiver.notification"] + moreOf(input, values["receiver.byte"]) + request / input.perRequest;
  const busy = part.need(
    "busy",
    coresOf(accepted * each),
    "cores",
    "accepted x (receiver.notification + more bytes x receiver.byte + (receiver.single - receiver.notification) / --per-request)",
  );
  const pods = podsOf(part, input, [[bought(busy, 1, input.headroom), "busy / (1 - --headroom)"]]);
  const memory = values["receiver.process"] * MIB + MAX_QUEUED_BYTES;
  return serviceOf(part, pods, busy, memory, "receiver.process + MAX_QUEUED_BYTES");
}

export interface Director extends Service {
  partitions: number;
}

export function director(input: Input, values: Values, load: Load, owned?: readonly Line[]): Director {
  const part = new Part("Director", owned);
  const { accepted, live, stored, connects, connections } = load;
  const more = moreOf(input, values["director.byte"]);
  const busy = part.need(
    "busy",
    coresOf(
      live * (values["director.live"] + more) +
        stored * (values["director.stored"] + more + values["director.replayed"]) +
        connects * values["director.connect"] +
        connections * values["director.rest"],
    ) + dispatchCores(load, "director"),
    "cores",
    "live x director.live + stored x (director.stored + director.replayed) + both x more bytes x director.byte + connects x director.connect + connections x director.rest + " +
      dispatchFormula("director"),
  );
  const written = accepted + load.members + load.queued;
  // Every client that ever got a notification has a lane, because none is forgotten below MAX_LANES.
  const away = load.stored + load.membersStored > 0 ? input.clients - connections : 0;
  const lanes = part.need(
    "lanes",
    (connections * values["director.lane"] + away * values["director.lane.stored"]) / GIB,
    "GiB",
    "connections x director.lane + clients that are away x director.lane.stored",
  );
  const pods = podsOf(part, input, [
    [bought(busy, 1, input.headroom), "busy / (1 - --headroom)"],
    [Math.ceil(lanes / input.lanesGib), "lanes / --lanes-gib"],
  ]);
  const [partitions, why] = largest([
    [pods * PARTITIONS_EACH, `${PARTITIONS_EACH} x pods`],
    [
      (written * ACK_SECONDS) / (WAITING_PART * PARTITION_MAX_UNSETTLED),
      "all written x ACK_MS / (4/9 x PARTITION_MAX_UNSETTLED)",
    ],
    [
      (written * ACK_SECONDS * input.payload) / (WAITING_PART * PARTITION_MAX_BYTES),
      "all written x ACK_MS x --payload / (4/9 x PARTITION_MAX_BYTES)",
    ],
    [input.clients / MAX_LANES, "--clients / MAX_LANES"],
  ]);
  const rounded = part.need(
    "partitions of accepted",
    2 ** Math.ceil(Math.log2(partitions)),
    "",
    `${why}, to a power of 2`,
  );
  // One more partition, because the shares are not always equal.
  const memory = values["director.process"] * MIB + (lanes * GIB) / pods + (rounded / pods + 1) * PARTITION_MAX_BYTES;
  const from = "director.process + lanes / pods + (partitions / pods + 1) x PARTITION_MAX_BYTES";
  const service = serviceOf(part, pods, busy, memory, from);
  return { ...service, partitions: rounded };
}

export interface Distributor extends Service {
  slots: number;
  /** Per second. */
  bytesToClients: number;
}

export function distributor(input: Input, values: Values, load: Load, owned?: readonly Line[]): Distributor {
  const part = new Part("Distributor", owned);
  const { connects, connections } = load;
  const live = load.live + load.membersLive;
  const stored = load.stored + load.membersStored;
  const more = moreOf(input, values["distributor.byte"]);
  const busy = part.need(
    "busy",
    coresOf(
      live * (values["distributor.live"] + more) +
        stored * (values["distributor.replayed"] + more) +
        connects * values["distributor.connect"] +
        connections * values["distributor.rest"],
    ),
    "cores",
    "live x distributor.live + stored x distributor.replayed, members included, + both x more bytes x distributor.byte + connects x distributor.connect + connections x distributor.rest",
  );
  const pods = podsOf(part, input, [
    [bought(busy, 1, input.headroom), "busy / (1 - --headroom)"],
    [bought(connections, input.connectionsEach, input.headroom), "connections / --connections-each / (1 - --headroom)"],
  ]);
  const slots = part.need(
    "slots: partitions of routed",
    2 * pods,
    "",
    "2 x pods: while new ones start, the old ones are there",
  );
  // After the loss of a zone the other pods also have its connections.
  const most = connections / (pods * (1 - input.headroom));
  const memory = values["distributor.process"] * MIB + most * values["distributor.connection"];
  const service = serviceOf(
    part,
    pods,
    busy,
    memory,
    "distributor.process + connections / pods / (1 - --headroom) x distributor.connection",
  );
  const frame = Math.max(0, values["distributor.frame"] + input.payload - MEASURED_PAYLOAD);
  const bytesToClients = (live + stored) * frame;
  part.need(
    "to clients",
    bytesToClients / MEGA,
    "MB/s",
    "(live + stored + members) x (distributor.frame + --payload - 200)",
  );
  return { ...service, slots, bytesToClients };
}

export function dispatcher(input: Input, values: Values, load: Load, owned?: readonly Line[]): Service {
  const part = new Part("Dispatcher", owned);
  const busy = part.need("busy", dispatchCores(load, "dispatcher"), "cores", dispatchFormula("dispatcher"));
  const pods = podsOf(part, input, [
    [bought(busy, 1, input.headroom), "busy / (1 - --headroom)"],
    [Math.ceil(load.members / FANOUT_RATE), "members / FANOUT_RATE"],
  ]);
  const partitions = part.need("partitions of dispatch", pods * PARTITIONS_EACH, "", `${PARTITIONS_EACH} x pods`);
  const memory = values["receiver.process"] * MIB + (partitions / pods) * DISPATCH_PARTITION_BYTES;
  const from = "receiver.process + partitions / pods x PARTITION_MAX_BYTES";
  return serviceOf(part, pods, busy, memory, from);
}

/** The number for the narrowest bound, with at least one in each zone. */
export function podsOf(part: Part, { zones }: Input, bounds: readonly Bound[]): number {
  return part.buy("pods of one core", largest([...bounds, [zones, "one in each of --zones"]]));
}

export function serviceOf(part: Part, pods: number, busy: number, memoryEach: number, from: string): Service {
  part.result("memory each", memoryEach / MIB, "MiB", from);
  const gib = (memoryEach * pods) / GIB;
  return { lines: part.lines, pods, busy, cores: pods, gib, diskGib: 0 };
}
