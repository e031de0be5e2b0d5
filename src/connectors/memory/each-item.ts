import { GodwitError } from "../../base/errors.ts";
import type { Item, Work } from "../../model/chunk.ts";
import type { Refusal, WriteReceipt } from "../../ports/target.ts";

/** Does one thing to every item; what one item is refused does not stop the others. */
export function eachItem(
  work: Work,
  skip: ReadonlySet<number>,
  act: (item: Item, index: number) => void,
): WriteReceipt {
  const refused: Refusal[] = [];
  for (const [index, item] of work.items.entries()) {
    if (skip.has(index)) continue;
    try {
      act(item, index);
    } catch (error) {
      if (!(error instanceof GodwitError) || error.disposition === "fatal") throw error;
      if (work.kind === "head" && error.disposition === "retry") throw error;
      refused.push({ item: index, error: error.toJSON() });
    }
  }
  return { refused, lost: [] };
}
