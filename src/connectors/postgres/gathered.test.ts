import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { Gathered } from "./gathered.ts";

test("what comes in pieces of any size goes in order, whoever is faster", () => {
  const all = randomBytes(3_000_000);
  const gathered = new Gathered();
  const taken: Buffer[] = [];
  let from = 0;
  for (let step = 1; from < all.length; step = (step * 7 + 13) % 400_000) {
    gathered.add(all.subarray(from, from + step));
    from += step;
    if (step % 3 === 0) continue;
    const piece = gathered.take();
    if (piece !== null) taken.push(Buffer.from(piece));
  }
  for (let piece = gathered.take(); piece !== null; piece = gathered.take()) taken.push(Buffer.from(piece));
  expect(Buffer.concat(taken).equals(all)).toBe(true);
  expect(gathered.bytes).toBe(0);
});

test("a piece stays as it is until the next one is taken", () => {
  const gathered = new Gathered();
  gathered.add(Buffer.from("first"));
  const piece = gathered.take();
  gathered.add(Buffer.alloc(600_000, 1));
  expect(piece?.toString()).toBe("first");
  gathered.take();
  expect(gathered.take()).not.toBeNull();
});
