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
  /** Mean per second. */
  meanAccepted: number;
  meanStored: number;
  meanSent: number;
  lines: Line[];
}

export function load(input: Input): Load {
  const { rate, clients, online, offline, average, reconnects } = input;
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
  return {
    connections,
    accepted,
    live,
    stored,
    connects,
    meanAccepted: accepted * average,
    meanStored: stored * average,
    // Stored notifications are sent, too, when their client comes.
    meanSent: rate * average,
    lines: part.lines,
  };
}
