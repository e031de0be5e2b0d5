/** Hints promise little: whoever listens hears of it, soon, when nothing fails. */
import { describe, expect, onTestFinished, test } from "vitest";
import { usualTerms } from "../../src/model/job.ts";
import type { Hint } from "../../src/ports/hints.ts";
import type { State } from "../../src/store/state.ts";
import { until } from "../testbed/server-process.ts";
import { errorOf, jobSpec } from "./store-player.ts";
import { type OpenState, stateRig } from "./state-rig.ts";

/** @returns what is heard from now on, once it is sure that hints arrive */
async function heardBy(
  listener: State,
  speaker: State,
): Promise<{ readonly heard: Hint[]; readonly over: Promise<void> }> {
  const [heard, stop] = [[] as Hint[], new AbortController()];
  onTestFinished(() => stop.abort());
  const over = listener.hints.listen((hint) => heard.push(hint), stop.signal);
  await until(
    () => {
      speaker.hints.say({ about: "idle", jobId: "hello" });
      return heard.length > 0;
    },
    () => "nothing is heard",
  );
  return { heard, over };
}

function jobsIn(heard: readonly Hint[]): readonly string[] {
  return heard.filter(({ about }) => about === "job").map(({ jobId }) => jobId);
}

/** @param isShared many processes use it at once */
export function hintsContract(name: string, open: OpenState, isShared: boolean): void {
  describe(`hints on ${name}`, () => {
    test("whoever listens hears of a new job, of what is wished, and of each change of its status and terms", async () => {
      const { state, again } = await stateRig(open);
      const { heard } = await heardBy(isShared ? await again() : state, state);
      const expected: string[] = [];
      const saidOf = async (id: string): Promise<void> => {
        expected.push(id);
        await until(
          () => jobsIn(heard).length >= expected.length,
          () => `heard ${jobsIn(heard).length} of ${expected.length}`,
        );
        expect(jobsIn(heard)).toEqual(expected);
      };
      const job = await state.store.createJob(jobSpec());
      await saidOf(job.id);
      const lead = await state.store.lead(job.id, "host:1:1");
      await state.store.setStatus(lead, "running", null);
      await saidOf(job.id);
      await state.store.wish(job.id, "pause");
      await saidOf(job.id);
      await state.store.setStatus(lead, "paused", errorOf("fatal"));
      await saidOf(job.id);
      await state.store.setTerms(job.id, { ...job.terms, priority: "high" });
      await saidOf(job.id);
      await state.store.requeue(job.id);
      await saidOf(job.id);
      const request = {
        key: { owner: "me", key: "k" },
        digest: "d",
        spec: { ...jobSpec(), source: "file:///other" },
        terms: usualTerms,
        onUnfinished: "refuse",
      } as const;
      const asked = await state.access.submit(request);
      await saidOf(asked.job.id);
    });

    test("what did not happen is not said", async () => {
      const { state } = await stateRig(open);
      const { heard } = await heardBy(state, state);
      await expect(state.store.wish("none", "pause")).rejects.toMatchObject({ code: "job_unknown" });
      const job = await state.store.createJob(jobSpec());
      await until(
        () => jobsIn(heard).length > 0,
        () => "nothing is heard",
      );
      expect(jobsIn(heard)).toEqual([job.id]);
    });
  });
}
