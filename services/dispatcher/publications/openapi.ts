import type { Operation, Parameter } from "@saasaparilla/shared/http/openapi/document.ts";
import type { Schemas } from "@saasaparilla/shared/http/openapi/schemas.ts";
import type { ProblemName } from "@saasaparilla/shared/http/problem-types.ts";
import { z } from "zod";
import type { ApiPart } from "@saasaparilla/shared/http/openapi/parts.ts";
import { changesBody } from "#groups/group-routes.ts";

const publication = z
  .object({
    id: z.uuid(),
    state: z.enum(["waiting", "running", "cancelling", "done", "cancelled", "skipped"]),
    written: z.int().meta({ description: "Notifications written so far." }),
    refused: z.int().meta({ description: "Recipients without a notification, because their inbox was full." }),
    due: z.iso.datetime(),
    to: z.looseObject({}).meta({ description: "The target, as published." }),
    reason: z.string().optional().meta({ description: "The reason why it was skipped." }),
  })
  .meta({ id: "Publication" });
const group = z.object({ group: z.string(), members: z.int() }).meta({ id: "Group" });
const members = z
  .object({
    members: z.array(z.string()),
    next: z
      .string()
      .optional()
      .meta({ description: "Pass it as `after` to get the next page. Absent on the last page." }),
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
const AGAIN = "You can safely repeat the request.";
const GROUP = inPath("group", "The name of the group, in your tenant. A group exists while it has members.");
const CLIENT = inPath("client", "The id of a client.");
const ID = inPath("id", "The id from the response to the publish request.");

export const publicationsApi: ApiPart = {
  tag: "publications",
  about: "Groups of clients, and the state of publications to groups, to exchanges and for a later time.",
  security: { publisher: "A token or an API key with the scope `publish`, and with the target among its targets." },
  operations: (schemas) => [...groupOperations(schemas), ...publicationOperations(schemas)],
};

function groupOperations(schemas: Schemas): Operation[] {
  const common = { tag: "publications", security: "publisher", others: WRONG, problems: [] as ProblemName[] };
  const member = { ...common, path: "/v1/groups/{group}/members/{client}", parameters: [GROUP, CLIENT] };
  const nothing = { 204: { description: "Done. It applies to each later publication." } };
  return [
    {
      ...common,
      id: "showGroup",
      method: "get",
      path: "/v1/groups/{group}",
      summary: "Count the members of a group",
      description: "The count of a group without members is 0.",
      parameters: [GROUP],
      answers: done(schemas, "Group", group),
    },
    {
      ...common,
      id: "listMembers",
      method: "get",
      path: "/v1/groups/{group}/members",
      summary: "List the members of a group",
      description: "The order is stable, but not alphabetical.",
      parameters: [
        GROUP,
        {
          name: "limit",
          in: "query",
          required: false,
          description: "The largest number of entries to return.",
          schema: { type: "integer", minimum: 1, maximum: 1_000, default: 100 },
        },
        {
          name: "after",
          in: "query",
          required: false,
          description: "`next` of the previous page.",
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
      description: "Applies all changes in one step. A publication in progress may reach the old or the new members.",
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
      summary: "Get the state of a publication",
      description:
        "The state is kept for seven days after the publication ends. Direct publications to clients and queues have no state.",
      answers: done(schemas, "Publication", publication),
    },
    {
      ...common,
      id: "cancelPublication",
      method: "delete",
      summary: "Cancel a publication",
      description: "Written notifications are not withdrawn. `written` is their exact number.",
      answers: {
        ...done(schemas, "Publication", publication),
        202: { description: "Cancelled. The last page is still being written, so `written` may grow." },
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
