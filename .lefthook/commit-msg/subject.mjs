// Checks the first line of a commit message: node subject.mjs FILE.
import { readFileSync } from "node:fs";

const MOST = 72;
const FORM = /^(build|chore|ci|docs|feat|fix|perf|refactor|revert|style|test)\([a-z0-9-]+(,[a-z0-9-]+)*\)!?: \S/;
/** Git writes these. */
const OWN = /^(Merge |Revert "|fixup! |squash! |amend! )/;

const [subject = ""] = readFileSync(process.argv[2], "utf8").split("\n");
const wrong = [
  !FORM.test(subject) && 'It needs a type and a scope, as in "fix(receiver): refuse a body without a length".',
  subject.length > MOST &&
    `It has ${subject.length} characters. At most ${MOST} are allowed: move the rest to the body.`,
  subject.endsWith(".") && "It ends with a full stop: remove it.",
].filter(Boolean);

if (!OWN.test(subject) && wrong.length > 0) {
  process.stderr.write(`✗ The commit's subject is not accepted: ${JSON.stringify(subject)}\n  ${wrong.join("\n  ")}\n`);
  process.exitCode = 1;
}
