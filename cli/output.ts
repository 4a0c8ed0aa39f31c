import { printable, printableJson } from "@saasaparilla/shared/runtime/printable.ts";

/** Everything on stdout is printable: strangers wrote parts of it. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function printJson(value: unknown): void {
  print(printableJson(value, 2));
}

/** The last column is as wide as it needs to be. */
export function printTable(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const cells = [head, ...rows].map((row) => row.map(printable));
  const widths = head.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  print(
    cells
      .map((row) =>
        row.map((cell, column) => (column < head.length - 1 ? cell.padEnd(widths[column]!) : cell)).join("  "),
      )
      .map((line) => line.trimEnd())
      .join("\n"),
  );
}

export const JSON_OPTION = ["--json", "print JSON"] as const;
