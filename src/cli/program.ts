/** Every command of the program. The reference in docs/ is made from what this returns. */
import { Command } from "commander";
import { throwUsage } from "./command.ts";
import { addControlCommands } from "./commands/control.ts";
import { addDoctorCommand } from "./commands/doctor.ts";
import { addJobsCommands } from "./commands/jobs.ts";
import { addKeysCommand } from "./commands/keys.ts";
import { addReportCommand } from "./commands/report.ts";
import { addServeCommand } from "./commands/serve.ts";
import { addSimulateCommand } from "./commands/simulate.ts";
import { addSweepCommand } from "./commands/sweep.ts";
import { addTransferCommand } from "./commands/transfer.ts";
import { addWorkerCommand } from "./commands/worker.ts";
import type { Surroundings } from "./surroundings.ts";
import { version } from "./version.ts";

const exitCodes = `
Exit codes: 0 complete and proven; 1 finished with exceptions, or a difference was found; 2 usage or configuration;
3 interrupted and resumable; 4 failed. Every error is explained in docs/reference/errors.md.`;

export function buildProgram(surroundings: Surroundings): Command {
  const program = new Command("godwit")
    .description("Moves data between systems and proves that nothing was lost.")
    .version(version(), "--version", "print the version")
    .helpOption("-h, --help", "print what there is")
    .configureOutput({
      writeOut: (text) => surroundings.stdout.write(text),
      // An error is told once, in one form, by `main`.
      writeErr: () => undefined,
      getOutHelpWidth: () => (surroundings.stdout.isTTY ? surroundings.stdout.columns : 110),
    })
    .showHelpAfterError(false)
    .addHelpText("after", exitCodes);
  for (const kind of ["copy", "sync", "check"] as const) addTransferCommand(program, kind, surroundings);
  addJobsCommands(program, surroundings);
  addControlCommands(program, surroundings);
  addReportCommand(program, surroundings);
  addKeysCommand(program, surroundings);
  addSweepCommand(program, surroundings);
  addDoctorCommand(program, surroundings);
  addServeCommand(program, surroundings, version());
  addWorkerCommand(program, surroundings, version());
  addSimulateCommand(program, surroundings);
  throwUsage(program);
  return program;
}
