import { describe, expect, test } from "vitest";
import type { ReadBudget } from "../ports/source.ts";
import { MB, never, rig, sum, worstSecond } from "../../test/simulation/limit-rig.ts";

describe("a small limit", () => {
  for (const share of [20_000, 31_000, 60_000, 0.5 * MB, MB])
    test(`of ${share} bytes a second is used up, whatever is read at a time`, async () => {
      const { time, limit, reads, busy } = rig();
      limit.bytesPerSecond = share;
      for (let lane = 0; lane < 4; lane += 1) busy();
      await time.runFor(60_000);
      expect(worstSecond(reads)).toBeLessThanOrEqual(1.05 * share);
      expect(sum(reads, 5_000)).toBeGreaterThanOrEqual(0.95 * 55 * share);
    });

  for (const share of [0.5 * MB, MB, 2 * MB])
    test(`of ${share} bytes a second is used up by a source that answers large pieces late`, async () => {
      const { time, process, limit, reads, lane } = rig();
      limit.bytesPerSecond = share;
      for (let at = 0; at < 16; at += 1) void fetchAll(lane());
      await time.runFor(60_000);
      expect(worstSecond(reads)).toBeLessThanOrEqual(1.05 * share);
      expect(sum(reads, 5_000)).toBeGreaterThanOrEqual(0.95 * 55 * share);

      async function fetchAll(budget: ReadBudget): Promise<void> {
        for (;;) {
          const bytes = budget.stepBytes(2 ** 23, 2 ** 18);
          using pending = await budget.request(bytes, never);
          await process.clock.sleep(20);
          reads.push({ atMs: time.monotonicMs(), bytes });
          pending.answered();
        }
      }
    });

  test("lets small reads go on beside large ones", async () => {
    const { time, limit, reads, busy } = rig();
    limit.bytesPerSecond = 16_000;
    for (let lane = 0; lane < 4; lane += 1) busy({ bytes: 1_000 });
    busy({ bytes: 16_384 });
    await time.runFor(200_000);
    const small = reads.filter(({ bytes }) => bytes === 1_000);
    expect(reads.length).toBeGreaterThan(small.length);
    expect(sum(small)).toBeGreaterThanOrEqual(0.2 * 200 * 16_000);
  });
});

for (const lanes of [3, 9, 16])
  test(`what a disk holds back for 0.9 s comes in no burst (${lanes} lanes)`, async () => {
    const { time, process, limit, reads, busy } = rig();
    limit.bytesPerSecond = 12.5 * MB;
    const held = async (): Promise<void> => {
      const nowMs = time.monotonicMs();
      if (nowMs >= 5_000 && nowMs < 5_900) await process.clock.sleep(5_900 - nowMs);
    };
    for (let lane = 0; lane < lanes; lane += 1) busy({ held });
    await time.runFor(8_000);
    expect(worstSecond(reads)).toBeLessThanOrEqual(1.05 * 12.5 * MB);
  });
