/**
 * One assignment of a partition to this director, from its claim to its loss. Only the table below changes it.
 * claim.ts writes the claims. claim.ts and director.ts give the events.
 *
 *   CLAIMING    the group has assigned the partition; the claim is not in `control` yet
 *   OWNED       the claim is there: this director sends, stores and commits for the partition
 *   SUPERSEDED  another director's claim follows ours; the group has not revoked the partition
 *   LOST        the group has revoked it; a new assignment gets a new object
 */
export type OwnershipState = "CLAIMING" | "OWNED" | "SUPERSEDED" | "LOST";

export class Ownership {
  readonly partition: number;
  state: OwnershipState = "CLAIMING";
  /** The offset of our claim in `control`. It fences every earlier owner. */
  generation = -1;
  /** The offset of the claim that superseded ours. */
  newerClaim = -1;

  constructor(partition: number) {
    this.partition = partition;
  }
}

export type OwnershipEvent =
  /** Our claim is in `control`, and what earlier owners deferred is counted. */
  | { type: "claimed"; generation: number }
  /** Another director's claim was read in `control`, behind ours. */
  | { type: "newer claim"; offset: number }
  /** The group accepted our commit of `control` up to this offset. */
  | { type: "committed"; offset: number }
  /** The group assigned the partition to another member, or to us as a new member. */
  | { type: "revoked" }
  /** The group has had its time to revoke a superseded partition. */
  | { type: "overdue" };

export interface OwnershipOutput {
  /** Answers with `overdue` after the time in which the group must revoke the partition. */
  awaitRevocation(ownership: Ownership): void;
  /** Leaves the group and joins it as a new member: all partitions are claimed again. */
  rejoin(ownership: Ownership): void;
  /** The group and `control` disagree about the owner for too long. */
  disagree(ownership: Ownership): void;
}

type Handler<T extends OwnershipEvent["type"]> = (
  ownership: Ownership,
  event: Extract<OwnershipEvent, { type: T }>,
  out: OwnershipOutput,
) => void;
type Table = Record<OwnershipState, { [T in OwnershipEvent["type"]]: Handler<T> }>;

export function changeOwnership(ownership: Ownership, event: OwnershipEvent, out: OwnershipOutput): void {
  (ownershipTable[ownership.state][event.type] as Handler<OwnershipEvent["type"]>)(ownership, event, out);
}

const ignore = (): void => {};

const lose = (ownership: Ownership): void => {
  ownership.state = "LOST";
};

/** Total: the compiler reports a state or an event without a cell. */
export const ownershipTable: Table = {
  CLAIMING: {
    claimed(ownership, { generation }) {
      ownership.state = "OWNED";
      ownership.generation = generation;
    },
    "newer claim": ignore,
    committed: ignore,
    revoked: lose,
    overdue: ignore,
  },

  OWNED: {
    claimed: ignore,
    "newer claim"(ownership, { offset }, out) {
      ownership.state = "SUPERSEDED";
      ownership.newerClaim = offset;
      out.awaitRevocation(ownership);
    },
    committed: ignore,
    revoked: lose,
    overdue: ignore,
  },

  SUPERSEDED: {
    claimed: ignore,
    "newer claim": ignore,
    // The group accepts commits of its members only. So we are the owner. The newer claim is a former owner's, which
    // Kafka wrote late.
    committed(ownership, { offset }, out) {
      if (offset > ownership.newerClaim) out.rejoin(ownership);
    },
    revoked: lose,
    overdue: (ownership, _, out) => out.disagree(ownership),
  },

  // A claim can complete after the partition is lost. It must not bring the partition back.
  LOST: { claimed: ignore, "newer claim": ignore, committed: ignore, revoked: ignore, overdue: ignore },
};
