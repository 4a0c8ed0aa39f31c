import { Config } from "@pulumi/pulumi";
import { readSettings } from "./settings.ts";
import { makeStores } from "./stores.ts";

const config = new Config();

export const { environment, secrets, values, topics } = makeStores(readSettings((name) => config.get(name)));
