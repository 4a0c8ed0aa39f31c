import type { Operation, Parameter } from "@saasaparilla/shared/http/openapi/document.ts";
import type { ApiPart } from "@saasaparilla/shared/http/openapi/parts.ts";
import type { Schemas } from "@saasaparilla/shared/http/openapi/schemas.ts";
import type { ProblemName } from "@saasaparilla/shared/http/problem-types.ts";
import { marksBody } from "@saasaparilla/shared/protocol/inbox.ts";
import { z } from "zod";
import { MOST_LISTED } from "./list-requests.ts";

const counts = {
  unread: z.int().meta({ description: "Items of the whole list that are not read." }),
  unseen: z.int().meta({ description: "Items of the whole list that are not seen." }),
};
const item = z
  .object({
    id: z.uuid(),
    cursor: z.string().meta({ description: "The cursor of its notification (R3). Pass it as `before` or `upTo`." }),
    publishedAt: z.iso.datetime(),
    event: z.string().optional(),
    traceparent: z.string().optional(),
    collapse: z.string().optional(),
    headers: z.looseObject({}).optional(),
    mark: z.enum(["seen", "read"]).nullable(),
    data: z.unknown().meta({ description: "The publisher's data, byte for byte." }),
  })
  .meta({ id: "InboxItem" });
const list = z
  .object({
    items: z.array(item).meta({ description: "The newest first." }),
    ...counts,
    more: z.boolean().meta({ description: "Whether the list has older items." }),
    events: z
      .array(z.string())
      .meta({ description: "The events that go to the inbox: `order.paid`, `order.*`, or `*` for all." }),
  })
  .meta({ id: "InboxList" });
const marked = z.object(counts).meta({ id: "InboxCounts" });

const deletedAnswer = z.object({
  deleted: z.int().meta({ description: "The items that were deleted." }),
  kafkaKeepsDays: z.int().meta({
    description: "Kafka keeps the contents of earlier notifications for this many days. No list shows them.",
  }),
});

const CLIENT: Parameter = {
  name: "client",
  in: "path",
  required: true,
  description: "The id of the client, in your tenant.",
  schema: { type: "string" },
};
const PAGE: Parameter[] = [
  {
    name: "before",
    in: "query",
    required: false,
    description: "The cursor of the last item of the previous page. Without it you get the newest items.",
    schema: { type: "string" },
  },
  {
    name: "limit",
    in: "query",
    required: false,
    description: "The largest number of items to return.",
    schema: { type: "integer", minimum: 1, maximum: MOST_LISTED, default: 50 },
  },
];
const WRONG: Record<number, ProblemName[]> = { 400: ["invalid-value", "invalid-shape", "invalid-request"] };

export const listsApi: ApiPart = {
  tag: "inbox",
  about: "A list of each client's notifications, the same on all its devices. PROTOCOL.md, R80 on.",
  security: {
    client: "A token of the client with the scope `subscribe`.",
    operator: "A token or key of the tenant: `read` to list, `operate` to delete.",
  },
  operations,
};

function operations(schemas: Schemas): Operation[] {
  const done = (name: string, schema: z.ZodType): Operation["answers"] => ({
    200: { description: "Done.", content: { "application/json": { schema: schemas.ref(name, schema) } } },
  });
  const common = { tag: "inbox", others: WRONG };
  const listing = {
    parameters: PAGE,
    answers: done("InboxList", list),
    problems: ["no-inbox", "cursor-forbidden"] as ProblemName[],
  };
  return [
    {
      ...common,
      ...listing,
      id: "listInbox",
      method: "get",
      path: "/v1/inbox",
      security: "client",
      summary: "List your inbox",
      description: "Archived, expired, replaced and retracted notifications are not in the list.",
      problems: ["no-inbox", "cursor-forbidden", "rate-limited"],
    },
    {
      ...common,
      id: "markInbox",
      method: "post",
      path: "/v1/inbox/marks",
      security: "client",
      summary: "Mark items as seen, read or archived",
      description:
        "By ids, or all up to a cursor. A mark never falls, and holds for an item that comes later. You can safely repeat the request.",
      body: {
        required: true,
        content: { "application/json": { schema: schemas.ref("InboxMarks", marksBody, "input") } },
      },
      answers: done("InboxCounts", marked),
      problems: [
        "invalid-shape",
        "busy",
        "too-large",
        "too-slow",
        "unsupported-media-type",
        "no-inbox",
        "cursor-forbidden",
        "rate-limited",
      ],
    },
    {
      ...common,
      ...listing,
      id: "listInboxOf",
      method: "get",
      path: "/v1/inbox/{client}",
      security: "operator",
      summary: "List the inbox of a client",
      description: "What the client sees, for support.",
      parameters: [CLIENT, ...PAGE],
    },
    {
      ...common,
      id: "deleteInbox",
      method: "delete",
      path: "/v1/inbox/{client}",
      security: "operator",
      summary: "Delete the inbox of a client",
      description:
        "Deletes all items and marks of this person. Earlier notifications never appear again, also those that are not in the inbox yet. Later ones go to the inbox.",
      parameters: [CLIENT],
      answers: done("InboxDeleted", deletedAnswer),
      problems: [],
    },
  ];
}
