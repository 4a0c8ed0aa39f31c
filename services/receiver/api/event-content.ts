const EVENT = {
  specversion: "1.0",
  id: "a-17",
  source: "/shop",
  type: "order.shipped",
  subject: "u1",
  data: { order: 17 },
};

const SCHEMA = {
  type: "object",
  description:
    "An event of CloudEvents 1.0. `subject` is the client, unless `togroup`, `toqueue` or `toexchange` (with `exchangekey`) names another target. The extension attributes `ttl`, `at`, `delay`, `collapse` and `outcomes` are those of a notification; all others are headers. In binary mode the attributes are headers `ce-*`, and the body is the data.",
  required: ["specversion", "id", "source", "type"],
  properties: {
    specversion: { type: "string", const: "1.0" },
    id: { type: "string", minLength: 1 },
    source: { type: "string", minLength: 1 },
    type: { type: "string", minLength: 1, maxLength: 64 },
    subject: { type: "string" },
    data: {},
  },
};

export const EVENT_CONTENT = { schema: SCHEMA, example: EVENT };

export const EVENT_BATCH = { schema: { type: "array", minItems: 1, items: SCHEMA }, example: [EVENT] };
