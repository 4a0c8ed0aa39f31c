import type { Input } from "./input.ts";
import { Part, type Line } from "./line.ts";

/** The load on the platform, in its own terms. */
export interface Load {
  connections: number;
  /** Per second, at the peak. */
  accepted: number;
  live: number;
  stored: number;
  connects: number;
  /** Members of groups that get a notification; those are not among the accepted ones. */
  members: number;
  membersLive: number;
  membersStored: number;
  queued: number;
  /** The accepted notifications and those of members that go to inboxes. */
  inboxed: number;
  lists: number;
  marks: number;
  /** Mean per second. */
  meanAccepted: number;
  /** The mean rate of all items that are written to accepted. */
  meanWritten: number;
  meanStored: number;
  meanSent: number;
  lines: Line[];
}

export function load(input: Input): Load {
  const { rate, clients, online, offline, average, reconnects, membersPerSecond, queueRate } = input;
  const { inboxRate, inboxLists, inboxMarks } = input;
  const part = new Part("Load");
  const connections = part.result("connections", clients * online, "", "--clients x --online");
  const accepted = part.result("accepted", rate, "/s", "--rate");
  const live = part.result("delivered live", rate * (1 - offline), "/s", "accepted x (1 - offline)");
  const stored = part.result(
    "stored, and replayed later",
    rate * offline,
    "/s",
    "accepted x --offline, else 1 - --online",
  );
  const connects = part.result("connects", (connections * reconnects) / 3_600, "/s", "connections x --reconnects");
  const members = part.result("members of groups", membersPerSecond, "/s", "--members-per-second");
  const queued = part.result("messages of queues", queueRate, "/s", "--queue-rate");
  const inboxed = part.result("to inboxes", inboxRate, "/s", "--inbox-rate");
  const lists = part.result("lists of inboxes", inboxLists, "/s", "--inbox-lists");
  const marks = part.result("marks in inboxes", inboxMarks, "/s", "--inbox-marks");
  const membersStored = members * offline;
  return {
    members,
    membersLive: members - membersStored,
    membersStored,
    queued,
    inboxed,
    lists,
    marks,
    connections,
    accepted,
    live,
    stored,
    connects,
    meanAccepted: accepted * average,
    meanWritten: (accepted + members + queued) * average,
    meanStored: (stored + membersStored) * average,
    // Stored notifications are also sent, once their client connects.
    meanSent: (rate + members) * average,
    lines: part.lines,
  };
}
