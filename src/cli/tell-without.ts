import type { Surroundings } from "./surroundings.ts";

export function tellWithout({ stderr }: Pick<Surroundings, "stderr">, count: number): void {
  if (count === 0) return;
  const files = count === 1 ? "1 file has" : `${count} files have`;
  stderr.write(`${files} no digest of the whole content: a copy with --file-digest gives one to each\n`);
}
