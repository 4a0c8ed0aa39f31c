import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { CliCommand } from "./command.ts";
import { createProgram } from "./program.ts";

const main = join(import.meta.dirname, "main.ts");

function allBelow(command: CliCommand): CliCommand[] {
  return [command, ...command.commands.flatMap((child) => allBelow(child as CliCommand))];
}

const commands = allBelow(createProgram("notifications")).map((command) => [command.path, command] as const);

test("the walk finds groups and their commands", () => {
  const paths = commands.map(([path]) => path);
  expect(paths).toEqual(
    expect.arrayContaining(["notifications", "notifications tenant issuer", "notifications epoch"]),
  );
});

test.each(commands)("%s --help names each option and argument, and has examples", async (path, command) => {
  const args = path.split(" ").slice(1);
  const program = createProgram("notifications");
  let stdout = "";
  for (const one of allBelow(program))
    one.configureOutput({ writeOut: (text) => void (stdout += text), getOutHelpWidth: () => 400 });
  await expect(program.parseAsync([...args, "--help"], { from: "user" })).rejects.toMatchObject({ exitCode: 0 });
  expect(stdout).toContain(`Usage: ${path}`);
  for (const { flags, description } of command.options) {
    expect(stdout).toContain(flags);
    expect(description).not.toBe("");
  }
  for (const argument of command.registeredArguments) {
    expect(stdout).toContain(argument.name());
    expect(argument.description).not.toBe("");
  }
  expect(command.description()).not.toBe("");
  expect(stdout).toContain(`Examples:\n  notifications ${args.join(" ")}`.trimEnd());
});

test("each example is a command line that the parser accepts", async () => {
  const examples = commands.flatMap(([, command]) => {
    const lines: string[] = [];
    command.configureOutput({ writeOut: (text) => void lines.push(text) });
    command.outputHelp();
    return [...lines.join("").matchAll(/^ {2}(notifications .+)$/gm)].map(([, line = ""]) => line);
  });
  expect(examples.length).toBeGreaterThan(20);
  for (const example of new Set(examples)) {
    const program = createProgram("notifications");
    for (const command of allBelow(program)) if (command.commands.length === 0) command.action(() => undefined);
    const args = example
      .split(" ")
      .slice(1)
      .map((arg) => arg.replaceAll("'", ""));
    await expect(program.parseAsync(args, { from: "user" })).resolves.toBeDefined();
  }
});

test("--help ends with 0, and writes to stdout", () => {
  const args = [main, "tenant", "issuer", "--help"];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: expect.stringContaining("--jwks"), stderr: "" });
});

test("a call without a command prints help, and ends with the exit code of wrong use", () => {
  const { status, stderr } = spawnSync(process.execPath, [main], { encoding: "utf8" });
  expect({ status, stderr }).toEqual({ status: 2, stderr: expect.stringContaining("Usage: notifications") });
});
