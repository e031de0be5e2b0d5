/** One way to add a command: its options come from their schema, its examples stand in its help and in the reference. */
import { Argument, type Command, type CommanderError, Option } from "commander";
import { GodwitError } from "../base/errors.ts";
import type { OptionSpec, OptionSpecs, Values } from "./job-options.ts";
import { parseOptions } from "./job-options.ts";
import type { Surroundings } from "./surroundings.ts";

export interface ArgumentSpec {
  readonly name: string;
  readonly help: string;
  readonly optional?: boolean;
}

export interface Example {
  readonly line: string;
  readonly says?: string;
}

export interface CommandSpec<T extends OptionSpecs> {
  readonly name: string;
  readonly summary: string;
  /** More than the summary, where that is not enough. */
  readonly description?: string;
  readonly arguments: readonly ArgumentSpec[];
  readonly options: T;
  readonly examples: readonly Example[];
  /** @returns the exit code */
  run(args: readonly string[], values: Values<T>): Promise<number>;
}

/**
 * From then on what cannot be parsed is thrown as a `usage` error that names the help of its command, for this command
 * and all below it. Help and the version still end in a CommanderError whose exit code is 0.
 */
export function throwUsage(command: Command): void {
  command.exitOverride((error) => {
    throw error.exitCode === 0 ? error : usage(command, error);
  });
  for (const below of command.commands) throwUsage(below);
}

function usage(command: Command, { code, message }: CommanderError): GodwitError {
  const isBare = code === "commander.help";
  return new GodwitError("usage", {
    disposition: "fatal",
    what: isBare ? "no command was given" : message.replace(/^error: /, "").replaceAll("\n", " "),
    hint: `\`${nameOf(command)} --help\` shows what there is, with examples.`,
  });
}

/** Such as `godwit report verify`. */
function nameOf(command: Command): string {
  return command.parent === null ? command.name() : `${nameOf(command.parent)} ${command.name()}`;
}

const examples = new WeakMap<Command, readonly Example[]>();

export function examplesOf(command: Command): readonly Example[] {
  return examples.get(command) ?? [];
}

export function addCommand<T extends OptionSpecs>(
  parent: Command,
  spec: CommandSpec<T>,
  surroundings: Pick<Surroundings, "exit">,
): Command {
  // An option belongs to the command that it follows: `report verify FILE --json` is not the report's own.
  parent.enablePositionalOptions();
  const command = parent
    .command(spec.name)
    .summary(spec.summary)
    .description(spec.description ?? spec.summary);
  for (const argument of spec.arguments) {
    const shown = argument.optional === true ? `[${argument.name}]` : `<${argument.name}>`;
    command.addArgument(new Argument(shown, argument.help));
  }
  for (const option of Object.values(spec.options)) command.addOption(commanderOption(option));
  examples.set(command, spec.examples);
  command.addHelpText("after", `\nExamples:\n${exampleLines(spec.examples).join("\n")}`);
  command.action(async (...all: unknown[]) => {
    // Commander gives the arguments, then the options, then the command itself.
    const raw = all.at(-2) as Readonly<Record<string, unknown>>;
    const args = all.slice(0, -2).filter((arg): arg is string => typeof arg === "string");
    surroundings.exit(await spec.run(args, parseOptions(spec.options, raw)));
  });
  return command;
}

function commanderOption({ flags, help, repeats }: OptionSpec): Option {
  const option = new Option(flags, help);
  if (repeats !== true) return option;
  return option.argParser((value: string, before: readonly string[] | undefined) => [...(before ?? []), value]);
}

function exampleLines(all: readonly Example[]): readonly string[] {
  const width = Math.min(52, Math.max(...all.map(({ line }) => line.length)));
  return all.map(({ line, says }) => (says === undefined ? `  ${line}` : `  ${line.padEnd(width)}  # ${says}`));
}
