/** `doctor SOURCE TARGET`: tries what a job would need, before the job. */
import type { Command } from "commander";
import { GodwitError } from "../../base/errors.ts";
import { visible } from "../../base/visible.ts";
import { connectorFor } from "../../lane/connectors.ts";
import type { OpenOptions } from "../../ports/connector.ts";
import { acrossFindings, type PlacedFinding } from "../across.ts";
import { answer } from "../answer.ts";
import { addCommand } from "../command.ts";
import { generalOptions, placeOptions } from "../job-options.ts";
import { placeOpenOptions } from "../job-spec.ts";
import type { DoctorDocument } from "../json-shapes.ts";
import { placeText, placeUrl } from "../../model/place.ts";
import type { Surroundings } from "../surroundings.ts";

export function addDoctorCommand(program: Command, surroundings: Surroundings): void {
  addCommand(
    program,
    {
      name: "doctor",
      summary: "try what a job would need: permissions, clocks, space, features",
      description:
        "Tries what a job between two places would need: permissions, clocks, space, and what each side can hold. Leaves nothing behind. Exit 1 when a problem was found; notes are no problems.",
      arguments: [
        { name: "source", help: "a path or URL" },
        { name: "target", help: "a path or URL" },
      ],
      options: { ...placeOptions, json: generalOptions.json },
      examples: [
        { line: "godwit doctor /srv/share /mnt/new" },
        { line: "godwit doctor /srv/share s3://bucket/share --json" },
      ],
      run: async ([from = "", to = ""], values) => {
        const [source, target] = [placeUrl(from), placeUrl(to)];
        using interrupt = surroundings.onInterrupt();
        const options = placeOpenOptions(values);
        const findings: PlacedFinding[] = [];
        const tell = (finding: PlacedFinding): void => {
          findings.push(finding);
          if (!values.json) surroundings.stdout.write(`${findingText(finding)}\n`);
        };
        for await (const finding of diagnose(source, "source", options, interrupt.signal)) tell(finding);
        for await (const finding of diagnose(target, "target", options, interrupt.signal)) tell(finding);
        for await (const finding of diagnoseBoth({ source, target }, findings, interrupt.signal)) tell(finding);
        for (const finding of acrossFindings({ source, target }, findings)) tell(finding);
        const problems = findings.filter(({ level }) => level === "problem").length;
        const document: DoctorDocument = { source, target, problems, findings };
        if (values.json) answer(surroundings, document);
        else surroundings.stdout.write(conclusion(problems, visible(`${placeText(source)} to ${placeText(target)}`)));
        return problems > 0 ? 1 : 0;
      },
    },
    surroundings,
  );
}

/** A connector that cannot even begin has found a problem: the other side is looked at all the same. */
async function* diagnose(
  url: string,
  place: "source" | "target",
  options: OpenOptions,
  signal: AbortSignal,
): AsyncGenerator<PlacedFinding> {
  try {
    const connector = await connectorFor(url);
    for await (const finding of connector.diagnose(url, place, options, signal)) yield { place, ...finding };
  } catch (error) {
    if (!(error instanceof GodwitError) || error.disposition === "cancelled") throw error;
    yield { place, subject: place, level: "problem", text: `${error.what}. ${error.hint}`, error: error.toJSON() };
  }
}

/** Where both sides answer, and are of one kind. */
async function* diagnoseBoth(
  { source, target }: { readonly source: string; readonly target: string },
  findings: readonly PlacedFinding[],
  signal: AbortSignal,
): AsyncGenerator<PlacedFinding> {
  if (findings.some(({ subject, place }) => subject === place)) return;
  const [from, to] = [await connectorFor(source), await connectorFor(target)];
  if (from !== to || from.diagnoseAcross === undefined) return;
  for await (const finding of from.diagnoseAcross(source, target, signal)) yield { place: "target", ...finding };
}

function findingText({ place, subject, level, text, error }: PlacedFinding): string {
  const code = error === null ? "" : ` [${error.code}]`;
  return visible(`${level.padEnd(7)}  ${place}: ${subject}: ${text}${code}`);
}

function conclusion(problems: number, places: string): string {
  if (problems === 0) return `no problem found from ${places}\n`;
  return `${problems} ${problems === 1 ? "problem" : "problems"} found from ${places}\n`;
}
