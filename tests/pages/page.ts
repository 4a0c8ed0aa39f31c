import { harness } from "./harness.ts";

Object.assign(globalThis, { harness });
