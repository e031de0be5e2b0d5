/**
 * How a report lies in its file: one JSON document, a line for each thing that is hashed, so that it streams both ways.
 * The writer and the reader of that layout stand together here. Any other layout of the same document is as good, but
 * has to be read whole.
 */
import { canonicalJson } from "./canonical.ts";
import type { ReportSink } from "./build.ts";
import type { LineWriter } from "./line-writer.ts";
import { type ReportBody, reportFormat, type ReportSignature, type SectionName, sectionNames } from "./schema.ts";

const firstLine = `{"godwit_report":${reportFormat},`;

export function layoutSink(out: LineWriter): ReportSink {
  let previous: SectionName | null = null;
  let separator = "";
  return {
    open(section) {
      const before = previous === null ? `${firstLine}\n` : "\n],\n";
      previous = section;
      separator = "\n";
      return out.write(`${before}"${section}":[`);
    },
    line(_section, canonical) {
      const text = separator + canonical;
      separator = ",\n";
      return out.write(text);
    },
  };
}

export async function writeLayoutEnd(out: LineWriter, body: ReportBody, signature: ReportSignature): Promise<void> {
  await out.write(`\n],\n"body":${canonicalJson(body)},\n"signature":${canonicalJson(signature)}\n}\n`);
  await out.flush();
}

/** Reads the layout line by line. A method answers false when the line does not belong there: another layout, or damage. */
export class LayoutReader {
  #place: SectionName | "start" | "between" | "body" | "signature" | "close" | "end" = "start";
  #next = 0;
  /** Whether another line has to follow in this section: nothing yet, a line without a comma, one with a comma. */
  #last: "none" | "final" | "comma" = "none";
  readonly #sink: LayoutLines;

  constructor(sink: LayoutLines) {
    this.#sink = sink;
  }

  get isWhole(): boolean {
    return this.#place === "end";
  }

  take(line: string): boolean {
    switch (this.#place) {
      case "start":
        return this.#expect(line, firstLine, "between");
      case "between":
        return this.#openSection(line);
      case "body":
        return this.#member(line, '"body":', ",", "signature");
      case "signature":
        return this.#member(line, '"signature":', "", "close");
      case "close":
        return this.#expect(line, "}", "end");
      case "end":
        return false;
      default:
        return this.#sectionLine(line, this.#place);
    }
  }

  #expect(line: string, wanted: string, next: "between" | "end"): boolean {
    this.#place = next;
    return line === wanted;
  }

  #openSection(line: string): boolean {
    const section = sectionNames[this.#next];
    if (section === undefined || line !== `"${section}":[`) return false;
    this.#next += 1;
    this.#place = section;
    this.#last = "none";
    return true;
  }

  #sectionLine(line: string, section: SectionName): boolean {
    if (line === "],") {
      this.#place = this.#next < sectionNames.length ? "between" : "body";
      return this.#last !== "comma";
    }
    if (this.#last === "final") return false;
    const hasComma = line.endsWith(",");
    this.#last = hasComma ? "comma" : "final";
    this.#sink.line(section, hasComma ? line.slice(0, -1) : line);
    return true;
  }

  #member(line: string, prefix: string, suffix: string, next: "signature" | "close"): boolean {
    if (!line.startsWith(prefix) || !line.endsWith(suffix)) return false;
    this.#sink[this.#place === "body" ? "body" : "signature"](line.slice(prefix.length, line.length - suffix.length));
    this.#place = next;
    return true;
  }
}

export interface LayoutLines {
  line(section: SectionName, text: string): void;
  body(text: string): void;
  signature(text: string): void;
}
