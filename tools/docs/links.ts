import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";

const FENCED = /^\s*```[^]*?^\s*```/gm;

/** Broken links to files or headings of this repository. Addresses of other sites are not checked. */
export function brokenLinks(repository: string, paths: string[]): string[] {
  return paths.flatMap((path) =>
    linksIn(join(repository, path)).flatMap((link) => {
      const [file = "", heading] = link.split("#");
      const target = file === "" ? join(repository, path) : resolve(dirname(join(repository, path)), file);
      if (!existsSync(target)) return [`${path}: ${link} is not there.`];
      if (heading === undefined || !target.endsWith(".md") || headingsIn(target).has(heading)) return [];
      return [`${path}: ${relative(repository, target)} has no heading #${heading}.`];
    }),
  );
}

function linksIn(path: string): string[] {
  const text = readFileSync(path, "utf8").replaceAll(FENCED, "");
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link!).filter((link) => !/^[a-z]+:/.test(link));
}

/** Anchors as GitHub names them. A repeated heading has a number after it. */
function headingsIn(path: string): Set<string> {
  const names = new Set<string>();
  for (const [, heading] of readFileSync(path, "utf8")
    .replaceAll(FENCED, "")
    .matchAll(/^#{1,6} (.*)$/gm)) {
    const text = heading!
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .trim()
      .toLowerCase();
    const name = text.replaceAll(/[^\p{L}\p{N}_\- ]/gu, "").replaceAll(" ", "-");
    let free = name;
    for (let n = 1; names.has(free); n++) free = `${name}-${n}`;
    names.add(free);
  }
  return names;
}
