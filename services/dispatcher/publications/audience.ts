import { partitionHash, type ClientKey } from "@saasaparilla/shared/protocol/notification.ts";
import type { Target } from "@saasaparilla/shared/protocol/publication.ts";
import { SLICES, WHOLE, type MemberStore } from "#groups/member-store.ts";
import { directRecipients, PAGE } from "./fan-out.ts";
import type { NewSlice } from "./publication-insert.ts";

/** Above it, all dispatchers share the work: each writes some slices. */
const SLICED_MEMBERS = 100_000;
/** Only a metric needs the exact number of a larger group. */
const MOST_COUNTED = 10_000_000;

export type Audience =
  /** At most one page. */
  { recipients: ClientKey[] } | { slices: NewSlice[] };

/** Looks how many recipients the targets have: all of them if they fit into one page. */
export async function audienceOf(
  tenant: string,
  key: string,
  targets: readonly Target[],
  members: Pick<MemberStore, "page" | "count">,
): Promise<Audience> {
  const recipients = new Set<ClientKey>();
  for (const to of targets) {
    const some =
      "group" in to
        ? await members.page({ tenant, group: to.group, slice: WHOLE }, "", PAGE + 1)
        : directRecipients(tenant, to);
    for (const recipient of some) recipients.add(recipient);
    if (recipients.size > PAGE) return { slices: await slicesOf(tenant, key, targets, members) };
  }
  return { recipients: [...recipients] };
}

/** Slices of one publication have different hashes, so that their owners differ. */
export async function slicesOf(
  tenant: string,
  key: string,
  targets: readonly Target[],
  members: Pick<MemberStore, "count">,
): Promise<NewSlice[]> {
  let count = 0;
  for (const to of targets)
    count += "group" in to ? await members.count(tenant, to.group, MOST_COUNTED) : directRecipients(tenant, to).length;
  const hash = partitionHash(key);
  if (count <= SLICED_MEMBERS) return [{ slice: WHOLE, hash, expected: count }];
  const expected = Math.ceil(count / SLICES);
  return Array.from({ length: SLICES }, (_, slice) => ({ slice, hash: (hash + slice) & 0x7fffffff, expected }));
}
