/** How far the job came at hours of each kind, everything that happened in them included. */
export class Profile {
  readonly #known = new Map<string, { ms: number; bytes: number }>();

  /** @param bytes what need not be moved again */
  add(key: string, ms: number, bytes: number): void {
    const before = this.#known.get(key) ?? { ms: 0, bytes: 0 };
    this.#known.set(key, { ms: before.ms + ms, bytes: before.bytes + bytes });
  }

  /** @returns bytes per second; null for hours of a kind that was not seen */
  pace(key: string): number | null {
    const known = this.#known.get(key);
    return known === undefined || known.ms === 0 ? null : (known.bytes * 1_000) / known.ms;
  }
}
