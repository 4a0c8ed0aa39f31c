import type { Operation, Parameter } from "@saasaparilla/shared/http/openapi/document.ts";
import type { Schemas } from "@saasaparilla/shared/http/openapi/schemas.ts";
import type { ProblemName } from "@saasaparilla/shared/http/problem-types.ts";
import { z } from "zod";
import type { ApiPart } from "#api/openapi.ts";
import { changesBody } from "#groups/group-routes.ts";

const publication = z
  .object({
    id: z.uuid(),
    state: z.enum(["waiting", "running", "cancelling", "done", "cancelled", "skipped"]),
    written: z.int().meta({ description: "Notifications that are written so far." }),
    refused: z.int().meta({ description: "Recipients that got none, because their inbox is full." }),
    due: z.iso.datetime(),
    to: z.looseObject({}).meta({ description: "The target, as it was published." }),
    reason: z.string().optional().meta({ description: "Why it was skipped." }),
  })
  .meta({ id: "Publication" });
const group = z.object({ group: z.string(), members: z.int() }).meta({ id: "Group" });
const members = z
  .object({
    members: z.array(z.string()),
    next: z.string().optional().meta({ description: "For `after`, if there are more." }),
  })
  .meta({ id: "Members" });
const changed = z.object({ added: z.int(), removed: z.int() }).meta({ id: "ChangedMembers" });

const BODY_PROBLEMS: ProblemName[] = ["invalid-shape", "busy", "too-large", "too-slow", "unsupported-media-type"];
const WRONG: Record<number, ProblemName[]> = { 400: ["invalid-value", "invalid-shape", "invalid-request"] };

const inPath = (name: string, description: string): Parameter => ({
  name,
  in: "path",
  required: true,
  description,
  schema: { type: "string" },
});
const AGAIN = "A repeat is harmless.";
const GROUP = inPath("group", "The name of the group, in your tenant. A group exists while it has members.");
const CLIENT = inPath("client", "The id of a client.");
const ID = inPath("id", "The id from the answer to the publish.");

export const publicationsApi: ApiPart = {
  tag: "publications",
  about: "Groups of clients, and what became of publications to groups, to exchanges and for later.",
  security: { publisher: "A token or an API key with the scope `publish`, and with the target among its targets." },
  operations: (schemas) => [...groupOperations(schemas), ...publicationOperations(schemas)],
};

function groupOperations(schemas: Schemas): Operation[] {
  const common = { tag: "publications", security: "publisher", others: WRONG, problems: [] as ProblemName[] };
  const member = { ...common, path: "/v1/groups/{group}/members/{client}", parameters: [GROUP, CLIENT] };
  const nothing = { 204: { description: "It is done, and counts for each later publication." } };
  return [
    {
      ...common,
      id: "showGroup",
      method: "get",
      path: "/v1/groups/{group}",
      summary: "Count the members of a group",
      description: "A group that has no members has the count 0.",
      parameters: [GROUP],
      answers: done(schemas, "Group", group),
    },
    {
      ...common,
      id: "listMembers",
      method: "get",
      path: "/v1/groups/{group}/members",
      summary: "List the members of a group",
      description: "The order is always the same, and not that of the names.",
      parameters: [
        GROUP,
        {
          name: "limit",
          in: "query",
          required: false,
          description: "At most so many.",
          schema: { type: "integer", minimum: 1, maximum: 1_000, default: 100 },
        },
        {
          name: "after",
          in: "query",
          required: false,
          description: "`next` of the page before.",
          schema: { type: "string" },
        },
      ],
      answers: done(schemas, "Members", members),
    },
    {
      ...common,
      id: "changeMembers",
      method: "post",
      path: "/v1/groups/{group}/members",
      summary: "Add and remove up to 1,000 members",
      description: "Both in one step. A publication that is being written may reach either set of members.",
      parameters: [GROUP],
      body: body(schemas, "MemberChanges", changesBody),
      answers: done(schemas, "ChangedMembers", changed),
      problems: BODY_PROBLEMS,
    },
    {
      ...member,
      id: "addMember",
      method: "put",
      summary: "Add a client to a group",
      description: AGAIN,
      answers: nothing,
    },
    {
      ...member,
      id: "removeMember",
      method: "delete",
      summary: "Remove a client from a group",
      description: AGAIN,
      answers: nothing,
    },
    {
      ...common,
      id: "deleteGroup",
      method: "delete",
      path: "/v1/groups/{group}",
      summary: "Remove all members of a group",
      description: AGAIN,
      parameters: [GROUP],
      answers: nothing,
    },
  ];
}

function publicationOperations(schemas: Schemas): Operation[] {
  const common = {
    tag: "publications",
    security: "publisher",
    path: "/v1/publications/{id}",
    parameters: [ID],
    problems: ["not-found"] as ProblemName[],
    others: WRONG,
  };
  return [
    {
      ...common,
      id: "showPublication",
      method: "get",
      summary: "See what became of a publication",
      description: "It is kept for seven days after its end. Direct publishes to clients and queues are not kept.",
      answers: done(schemas, "Publication", publication),
    },
    {
      ...common,
      id: "cancelPublication",
      method: "delete",
      summary: "Cancel a publication",
      description: "What is written stays. `written` is the exact number.",
      answers: {
        ...done(schemas, "Publication", publication),
        202: { description: "It is cancelled, and the last page is still being counted." },
      },
      problems: ["not-found", "already-written"],
    },
  ];
}

function done(schemas: Schemas, name: string, schema: z.ZodType): Operation["answers"] {
  return { 200: { description: "Done.", content: { "application/json": { schema: schemas.ref(name, schema) } } } };
}

function body(schemas: Schemas, name: string, schema: z.ZodType): NonNullable<Operation["body"]> {
  return { required: true, content: { "application/json": { schema: schemas.ref(name, schema, "input") } } };
}
