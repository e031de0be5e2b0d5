import type { Item } from "../../model/chunk.ts";
import { frameBytes } from "./frame-order.ts";

/**
 * True where the pages of what was written are given back once it was read back. A copy that is larger than the memory
 * would else push everybody else's pages out, and each new page costs: a virtual machine's host must first hand it out.
 * Of small files there is too little to be worth two more calls each.
 */
export function givesPagesBack(item: Item): boolean {
  return item.length > frameBytes;
}
