#!/usr/local/bin/node
import { run } from "./run.ts";

// The image has a link to this file, and no shell. So the first line names Node by its path.
await run("notifications", process.argv.slice(2));
