/** The blocks of a Markdown page that are fenced as "```sh run", as one bash script that checks every line's exit code. */
export interface RunnableLine {
  readonly command: string;
  readonly exitCode: number;
}

export function runnableLines(markdown: string): readonly RunnableLine[] {
  const blocks = [...markdown.matchAll(/^```sh run[^\n]*\n([\s\S]*?)^```/gm)].map((match) => match[1] ?? "");
  return blocks
    .flatMap((block) => block.replaceAll("\\\n", " ").split("\n"))
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#") && !/^npm test\b/.test(line))
    .map(parseLine);
}

function parseLine(line: string): RunnableLine {
  const expected = /\s#\s*exits (\d+)\s*$/.exec(line);
  // The packages are already there, linked: `npm ci` would delete what the link points at.
  const command = line.replace(/^npm (ci|install)\b/, "true");
  if (/\bnpm (ci|install)\b/.test(command)) throw new Error(`npm ci may only begin a line: ${line}`);
  return { command, exitCode: Number(expected?.[1] ?? "0") };
}

export function asScript(lines: readonly RunnableLine[]): string {
  const steps = lines.flatMap(({ command, exitCode }) => [
    command,
    `status=$?; [ $status = ${exitCode} ] || { echo ${quote(`expected exit ${exitCode} of: ${command}`)}", got $status" >&2; exit 99; }`,
  ]);
  return `${steps.join("\n")}\n`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
