import type { ReactNode } from "react";
import type { NotificationView } from "#api/notifications.ts";
import { many } from "#ui/numbers.ts";
import { Facts, Panel } from "#ui/page.tsx";
import { Time } from "#ui/time.tsx";

/** What the stores have of it now, whether it was followed or not. */
export function Stores({ of: { stored, publication, quarantined, inbox } }: { of: NotificationView }) {
  const facts: [string, ReactNode][] = [];
  if (stored)
    facts.push([
      "Stored",
      <>
        for {stored.client} since <Time at={stored.since} exact />
        {stored.expires !== undefined && (
          <>
            , expires <Time at={stored.expires} exact />
          </>
        )}
      </>,
    ]);
  if (publication)
    facts.push([
      "Publication",
      <>
        {publication.state} for {publication.target}, due <Time at={publication.due} exact />:{" "}
        {many(publication.written, "recipient")} written, {publication.refused} refused
        {publication.reason !== undefined && `. ${publication.reason}`}
      </>,
    ]);
  if (quarantined)
    facts.push([
      "Quarantine",
      <>
        of {quarantined.queue} since <Time at={quarantined.at} exact />: {quarantined.reason}
      </>,
    ]);
  if (inbox)
    facts.push([
      "Inbox",
      <>
        of {inbox.client} since <Time at={inbox.since} exact />, {inbox.mark === "none" ? "not seen" : inbox.mark}
      </>,
    ]);
  if (facts.length === 0) return null;
  return (
    <Panel title="In the stores now">
      <Facts of={facts} />
    </Panel>
  );
}
