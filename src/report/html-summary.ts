import type { Evidence } from "../model/entry.ts";
import { bytesText, type Html, html } from "./html-text.ts";
import { type EntrySum, type ReportBody, type ReportOutcome, reportOutcomes } from "./schema.ts";

const verdictWords: Record<ReportBody["overall_status"], readonly [string, string]> = {
  pass: ["Pass", "Every entry that the source listed is accounted for, and the proof of each stands in the report."],
  fail: ["Fail", "This job is not proven:"],
  in_progress: ["In progress", "The job has not ended. This is how far it has come; it proves nothing yet."],
};

const outcomeWords: Record<ReportOutcome, string> = {
  verified: "Written, read back, and equal to what was read from the source",
  identical: "Was there already; the contents of both sides were compared",
  unchanged: "Was there already; size and modification time were compared, by choice",
  filtered: "Left out by the job's own patterns",
  unsupported: "Something that the target cannot hold",
  changed: "Kept changing on the source while it was read",
  vanished: "Was listed, and gone when it was to be read",
  failed: "Could not be copied or not be proven",
  missing: "Only on the first side",
  extra: "Only on the second side",
  different: "On both sides, with different content",
  pending: "Not reached",
};

const evidenceWords: Record<Evidence, string> = {
  manifest: "A list of checksums that was given with the job, equal to what was read",
  store_checksum: "A checksum that the source's own store keeps, equal to what was read",
  second_read: "Two reads of the source (or of both sides) with the same result",
  one_read: "One read of the source: a fault of the source while reading would not be seen",
  size_and_mtime: "Size and modification time only: contents were not read, by choice",
  none: "No content to prove (directories, links, and what was not copied)",
};

export function verdictSection(body: ReportBody): Html {
  const [word, text] = verdictWords[body.overall_status];
  const problems = body.problems.map(({ text: problem }) => html`<li>${problem}</li>`);
  const list =
    problems.length === 0
      ? []
      : [
          html`<ul>
            ${problems}
          </ul>`,
        ];
  return html`<div class="verdict ${body.overall_status}">
      <strong>${word}</strong>
      <p>${text}</p>
      ${list}
    </div>
    ${facts([
      ["From", body.job.source],
      [body.job.kind === "check" ? "Compared with" : "To", body.job.target],
      ["Job", `${body.job.kind}, ${body.job.status}`],
      ["Started", body.job.started_at ?? "not yet"],
      ["Ended", body.job.ended_at ?? "not yet"],
      [
        "Runs",
        body.job.runs === 1 ? "1, without interruption" : `${body.job.runs}: the job was interrupted and resumed`,
      ],
    ])}`;
}

export function numbersSection({ totals }: ReportBody): Html {
  const numbers: readonly (readonly [string, string])[] = [
    ["Entries listed", totals.listed.entries.toLocaleString("en-US")],
    ["Bytes listed", bytesText(totals.listed.bytes)],
    ["Read from the source", bytesText(totals.source_bytes_read)],
    ["Written to the target", bytesText(totals.target_bytes_written)],
    ["Read back", bytesText(totals.target_bytes_read_back)],
    ["Mismatches found", totals.mismatches.toLocaleString("en-US")],
    ["Retries", totals.retries.toLocaleString("en-US")],
    ["Attributes lost", totals.losses.toLocaleString("en-US")],
  ];
  return html`<h2>Numbers</h2>
    <dl class="numbers">
      ${numbers.map(
        ([name, value]) =>
          html`<div>
            <dt>${name}</dt>
            <dd>${value}</dd>
          </div>`,
      )}
    </dl> `;
}

export function outcomeSection({ totals }: ReportBody): Html {
  const sum = { entries: 0, bytes: 0 };
  const rows = reportOutcomes.flatMap((outcome) => {
    const { entries, bytes } = totals.outcomes[outcome];
    sum.entries += entries;
    sum.bytes += bytes;
    return entries === 0 ? [] : [sumRow(outcome, outcomeWords[outcome], { entries, bytes })];
  });
  const { listed, deletions } = totals;
  const isClosed = listed.entries === sum.entries && listed.bytes === sum.bytes;
  const closing = isClosed
    ? "Equal to what the source listed."
    : `The source listed ${listed.entries} entries, ${listed.bytes} bytes.`;
  const deleted = deletions.deleted + deletions.vanished + deletions.failed + deletions.pending;
  const removed = html`<p>
    Only on the target, and to be deleted there: ${deleted}. Deleted: ${deletions.deleted}. Gone before:
    ${deletions.vanished}. Failed: ${deletions.failed}. Not reached: ${deletions.pending}.
  </p>`;
  return html`<h2>Where each entry ended</h2>
    ${sumTable("Outcome", [...rows, sumRow("sum", closing, sum)])} ${deleted === 0 ? [] : [removed]}`;
}

export function evidenceSection(body: ReportBody): Html {
  const { totals, options, verdict_counts: counts, limits } = body;
  const order = Object.keys(evidenceWords) as readonly Evidence[];
  const rows = order.flatMap((evidence) => {
    const sum = totals.evidence[evidence];
    return sum.entries === 0 ? [] : [sumRow(evidence, evidenceWords[evidence], sum)];
  });
  return html`<h2>What the proof rests on</h2>
    ${sumTable("Evidence", rows)}
    <p></p>
    ${facts([
      [
        "Verification",
        options.verify === "readback"
          ? "the target's bytes were read back"
          : "by checksums that the target's store keeps",
      ],
      ["Read back from (comparisons)", readFromText(counts)],
      [
        "Reconciliation",
        options.reconcile ? "every chunk of the target was read once more at the end" : "not asked for",
      ],
      [
        "Durability",
        options.durability === "fsync"
          ? "flushed to the medium before it counted"
          : "none: left to the operating system",
      ],
      ["Read limit", limitText(limits)],
    ])}`;
}

function readFromText(counts: ReportBody["verdict_counts"]): string {
  const words = {
    medium: "the medium itself",
    cache: "the page cache, which may differ from the medium",
    store: "the store's own answers",
  };
  const parts = (["medium", "cache", "store"] as const).flatMap((from) => {
    const sum = counts.reduce((all, { read_from, count }) => all + (read_from === from ? count : 0), 0);
    return sum === 0 ? [] : [`${words[from]} (${sum.toLocaleString("en-US")})`];
  });
  return parts.length === 0 ? "nothing was compared" : parts.join("; ");
}

function limitText({ state, source_bytes_per_second: highest, runs }: ReportBody["limits"]): string {
  const each = runs.map(({ source_bytes_per_second: limit }) =>
    limit === null ? "none" : `${bytesText(limit)} a second`,
  );
  const byRun = new Set(each).size > 1 ? ` (by run: ${each.join(", ")})` : "";
  if (state === "uncapped") return `uncapped: the source was read as fast as it gave${byRun}`;
  if (highest === null) return `not recorded for every run${byRun}`;
  return `${bytesText(highest)} a second${byRun}`;
}

function facts(rows: readonly (readonly [string, string])[]): Html {
  const lines = rows.map(
    ([name, value]) =>
      html`<tr>
        <th>${name}</th>
        <td><bdi>${value}</bdi></td>
      </tr> `,
  );
  return html`<table class="facts">
    <tbody>
      ${lines}
    </tbody>
  </table> `;
}

function sumTable(of: "Outcome" | "Evidence", rows: readonly Html[]): Html {
  return html`<table>
    <thead>
      <tr>
        <th>${of}</th>
        <th>Meaning</th>
        <th class="number">Entries</th>
        <th class="number">Bytes</th>
      </tr>
    </thead>
    <tbody>
      ${rows}
    </tbody>
  </table>`;
}

function sumRow(name: string, meaning: string, { entries, bytes }: EntrySum): Html {
  return html`<tr>
    <td><b>${name}</b></td>
    <td>${meaning}</td>
    <td class="number">${entries}</td>
    <td class="number" title="${bytes} bytes">${bytesText(bytes)}</td>
  </tr> `;
}
