import { recipientId } from "@saasaparilla/shared/protocol/publication.ts";

export interface Note {
  id: string;
  to: { client: string } | { group: string } | { queue: string };
  /** The names of the client, of each member of the group, or of the queue. */
  keys: readonly string[];
  /** Seconds. */
  ttl?: number;
  pad: string;
}

/** One recipient's notification, as the history names it. */
export interface Copy {
  id: string;
  key: string;
}

interface Received {
  headers?: { occurrence?: string };
  data: { id: string; each?: true };
}

/** A publication to a group is one notification of each member in the history. */
export function copiesOf({ id, keys, to }: Note): Copy[] {
  return keys.map((key) => ({ id: "group" in to ? `${id}@${key}` : id, key }));
}

/** The platform's id of a copy, from the id in the answer. */
export function platformId(note: Note, key: string, answered: string): string {
  return "group" in note.to ? recipientId(answered, key) : answered;
}

/** The name of a received notification, because one publication or schedule has many. */
export function receivedName({ headers, data }: Received, key: string): string {
  if (headers?.occurrence !== undefined) return occurrenceName(data.id, headers.occurrence);
  return data.each ? `${data.id}@${key}` : data.id;
}

export function occurrenceName(schedule: string, occurrence: string): string {
  return `${schedule}@${occurrence}`;
}
