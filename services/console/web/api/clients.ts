import type { Schemas } from "./schemas.ts";

export type ClientView = Schemas["GetClientResult"];
export type Explanation = Schemas["ExplainClientResult"];
export type Watch = Schemas["GetWatchResult"];
export type Deleted = Schemas["DeleteClientResult"];
