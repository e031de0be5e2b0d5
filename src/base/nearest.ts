/** For messages about a name that nobody knows: the one that was probably meant. */

/** @returns of the known names, the one that takes the fewest changes of a letter; null when none is alike */
export function nearest(name: string, known: Iterable<string>): string | null {
  let found: string | null = null;
  let least = Math.max(1, Math.floor(name.length / 3)) + 1;
  for (const candidate of known) {
    const changes = changesBetween(name.toLowerCase(), candidate.toLowerCase());
    if (changes >= least) continue;
    least = changes;
    found = candidate;
  }
  return found;
}

/** Letters to insert, remove or replace, and neighbours to swap. */
function changesBetween(one: string, other: string): number {
  let [before, last] = [[] as number[], Array.from({ length: other.length + 1 }, (_, index) => index)];
  for (let row = 1; row <= one.length; row += 1) {
    const next = [row];
    for (let column = 1; column <= other.length; column += 1) {
      const isSame = one[row - 1] === other[column - 1];
      let changes = Math.min(
        (last[column] as number) + 1,
        (next[column - 1] as number) + 1,
        (last[column - 1] as number) + (isSame ? 0 : 1),
      );
      const isSwap = row > 1 && column > 1 && one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1];
      if (isSwap) changes = Math.min(changes, (before[column - 2] as number) + 1);
      next.push(changes);
    }
    [before, last] = [last, next];
  }
  return last[other.length] as number;
}
