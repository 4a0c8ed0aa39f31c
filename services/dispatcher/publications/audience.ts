import { partitionHash, type ClientKey } from "@saasaparilla/shared/protocol/notification.ts";
import type { Target } from "@saasaparilla/shared/protocol/publication.ts";
import { SLICES, WHOLE, type MemberStore } from "#groups/member-store.ts";
import { directRecipients, PAGE } from "./fan-out.ts";

/** Above it, all dispatchers share the work: each writes some slices. */
const SLICED_MEMBERS = 100_000;

export type Audience =
  /** At most one page. */
  { recipients: ClientKey[] } | { slices: { slice: number; hash: number }[] };

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
): Promise<{ slice: number; hash: number }[]> {
  let count = 0;
  for (const to of targets)
    if ("group" in to && count <= SLICED_MEMBERS) count += await members.count(tenant, to.group, SLICED_MEMBERS + 1);
  const hash = partitionHash(key);
  if (count <= SLICED_MEMBERS) return [{ slice: WHOLE, hash }];
  return Array.from({ length: SLICES }, (_, slice) => ({ slice, hash: (hash + slice) & 0x7fffffff }));
}
