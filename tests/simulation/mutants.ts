import { DeferredQueue } from "#services/director/partitions/deferred.ts";
import { storeRest } from "#services/director/lanes/lane-transitions.ts";
import { laneTable } from "#services/director/lanes/lane-table.ts";
import { ownershipTable } from "#services/director/partitions/ownership.ts";
import { WaitingShares } from "#services/director/lanes/waiting-shares.ts";
import { give, passOver } from "#services/distributor/sessions/session-transitions.ts";
import { sessionTable } from "#services/distributor/sessions/session-table.ts";
import type { Mutant } from "./stage.ts";

/** The platform with one defect. Each must violate a property, or the property proves nothing. */
export interface BrokenPlatform {
  name: string;
  actors?: Mutant;
  /** Breaks a state machine. Returns the repair. */
  machines?: () => () => void;
}

/** Replaces a cell of a table. Returns the undo. */
function patch<R extends object, K extends keyof R>(row: R, cell: K, broken: R[K]): () => void {
  const whole = row[cell];
  row[cell] = broken;
  return () => (row[cell] = whole);
}

const { HELD, LIVE, UNKNOWN, STORED } = laneTable;
const session = sessionTable.LIVE;

export const mutants: readonly BrokenPlatform[] = [
  {
    name: "live after a read of the registry only",
    machines: () =>
      patch(UNKNOWN, "found", (lane, { connections }, context) => {
        lane.search = "idle";
        lane.state = "LIVE";
        for (const id of connections) {
          const attachment = {
            ...id,
            phase: "live" as const,
            hold: 0,
            sent: "0".repeat(19),
            acknowledges: true,
            pendingSince: 0,
          };
          lane.attachments.push(attachment);
        }
        // Its notifications in memory are sent at once, and count as delivered, because Redis lists the client as
        // connected.
        for (const entry of lane.queue.splice(0)) {
          lane.bytes -= entry.body.length;
          for (const attachment of lane.attachments) context.out.send(lane, attachment, entry);
          context.settle(lane, entry, "acknowledged");
        }
      }),
  },
  {
    name: "live without the hold",
    machines: () =>
      patch(HELD, "accepted", (lane, { entry }, { out }) => {
        lane.queue.push(entry);
        lane.bytes += entry.body.length;
        lane.storing = lane.queue.length;
        out.store(lane, [entry], "broken");
      }),
  },
  { name: "no read during the hold", actors: "no read under the hold" },
  { name: "commit before insert", actors: "commit before insert" },
  { name: "a direct insert beside an undrained deferred", actors: "direct insert beside an undrained deferred" },
  { name: "HELD before deferred is drained", actors: "held before deferred is drained" },
  {
    name: "deferred notifications above a tenant's share that count as drained",
    machines: () =>
      patch(DeferredQueue.prototype, "appending", function (this: DeferredQueue, tenant, away) {
        return away || this.active("") ? appending.call(this, tenant, away) : { reason: "share", appending: 1, end: 0 };
      }),
  },
  { name: "a notification above its share that is deferred past queued ones", actors: "deferred past what is queued" },
  {
    name: "a further connection that does not get the unsettled window",
    machines: () =>
      patch(HELD, "commit", (lane, event, context) => {
        const window = lane.queue.splice(0, lane.sent);
        lane.sent = 0;
        whole(lane, event, context);
        lane.queue.unshift(...window);
        lane.sent += window.length;
      }),
  },
  {
    name: "a zombie director that is not fenced",
    machines: () =>
      patch(session, "deliver", (it, { row }, out) => {
        if (row.sequence > it.sent) give(it, row, out);
      }),
  },
  { name: "replay skipped", actors: "replay skipped" },
  {
    name: "a resume without a read, although a notification was stored since",
    machines: () =>
      patch(STORED, "accepted", (lane, event, context) => {
        const { storedTo } = lane;
        stored(lane, event, context);
        lane.storedTo = storedTo;
      }),
  },
  {
    name: "live after a page during the hold that was not the last",
    machines: () =>
      patch(sessionTable.CHECKING, "page", (it, event, out) => checked(it, { ...event, more: false }, out)),
  },
  {
    name: "a cumulative acknowledgement over a gap",
    machines: () =>
      patch(session, "deliver", (it, { generation, row }, out) => {
        if (generation === it.generation && row.sequence > it.sent) give(it, row, out);
      }),
  },
  {
    name: "an acknowledgement of a notification that was never sent",
    machines: () =>
      patch(session, "ack", (it, { sequence }, out) => {
        if (sequence <= it.acked) return;
        it.acked = sequence;
        out.ack(it, sequence);
        out.deleteStored(it, sequence);
      }),
  },
  {
    name: "an acknowledgement of a notification that waits in the outbox",
    actors: "what waits in the outbox counts as given",
  },
  { name: "an acknowledgement whose cursor the director does not check", actors: "every cursor is known" },
  {
    name: "a resume from a cursor that was never given",
    machines: () => {
      const mend = Object.values(sessionTable).map((row) =>
        patch(row, "demoted", (it, event, out) => {
          if (event.resume === undefined) demoted[it.state](it, event, out);
        }),
      );
      return () => mend.forEach((one) => one());
    },
  },
  {
    name: "a tenant above its share that is not stored",
    machines: () => patch(WaitingShares.prototype, "over", () => false),
  },
  {
    name: "a lane above its share that is stored without its notifications in flight",
    machines: () =>
      patch(LIVE, "reclaim", (lane, _, context) => {
        for (const entry of lane.queue.splice(lane.storing, lane.sent)) {
          lane.bytes -= entry.body.length;
          context.waiting.give(lane, entry);
          context.settle(lane, entry, "acknowledged");
        }
        storeRest(lane, context, "share");
      }),
  },
  {
    name: "a director that continues with a revoked partition",
    machines: () => patch(ownershipTable.OWNED, "revoked", () => {}),
  },
  {
    name: "a claim that makes a lost partition owned again",
    machines: () => patch(ownershipTable.LOST, "claimed", ownershipTable.CLAIMING.claimed),
  },
  {
    name: "an owner that stops forever after a late claim of a former owner",
    machines: () => patch(ownershipTable.SUPERSEDED, "committed", () => {}),
  },
  {
    name: "a replacement of a sent notification",
    machines: () =>
      patch(LIVE, "accepted", (lane, event, context) => {
        const collapse = event.entry.options?.collapse;
        for (let at = lane.sent - 1; at >= 0; at -= 1) {
          const entry = lane.queue[at]!;
          if (collapse === undefined || entry.options?.collapse !== collapse) continue;
          lane.queue.splice(at, 1);
          lane.sent -= 1;
          lane.bytes -= entry.body.length;
          context.waiting.give(lane, entry);
          context.settle(lane, entry, "replaced");
        }
        live(lane, event, context);
      }),
  },
  { name: "a replacement that deletes all rows before it", actors: "a replacement deletes all before it" },
  { name: "an outcome that is appended after the settlement", actors: "an outcome after the settlement" },
  {
    name: "a distributor that deletes rows that ask for an outcome",
    actors: "a distributor that deletes what asks for an outcome",
  },
  {
    name: "a retract that is acknowledged before earlier notifications",
    machines: () =>
      patch(session, "deliver", (it, event, out) => {
        delivered(it, event, out);
        if (it.sent === it.written || it.acked >= it.sent) return;
        it.acked = it.sent;
        out.ack(it, it.sent);
      }),
  },
  { name: "a lost wake-up without the safety net", actors: "wake-ups lost, no safety net" },
];

const { appending } = DeferredQueue.prototype;
const whole = HELD.commit;
const delivered = session.deliver;
const stored = STORED.accepted;
const live = LIVE.accepted;
const checked = sessionTable.CHECKING.page;
const demoted = {
  REPLAYING: sessionTable.REPLAYING.demoted,
  PREPARING: sessionTable.PREPARING.demoted,
  CHECKING: sessionTable.CHECKING.demoted,
  LIVE: sessionTable.LIVE.demoted,
  CLOSED: sessionTable.CLOSED.demoted,
};

/** Safe, because the safety net exists. */
export const lostWakeUps: BrokenPlatform = { name: "lost wake-ups", actors: "wake-ups lost" };

/**
 * Safe but slow: an unreported refusal of the outbox waits for the next notification or for the acknowledgement's
 * deadline.
 */
export const ignoredRefusal: BrokenPlatform = {
  name: "an ignored refusal of a send",
  machines: () =>
    patch(session, "deliver", (it, event, out) => {
      const { generation, prev, row } = event;
      if (generation === it.generation && prev === it.sent) {
        if (give(it, row, out)) passOver(it, out);
      } else delivered(it, event, out);
    }),
};
