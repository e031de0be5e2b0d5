/** The report as one page for a person: the verdict first, then what it rests on. Needs no script and no network. */
import type { ReportBody, ReportException, ReportSignature, ReportVerdict } from "./schema.ts";
import type { ReportStore } from "./build.ts";
import { canonicalJson } from "./canonical.ts";
import { exceptionLine, verdictLine } from "./history-lines.ts";
import { evidenceSection, numbersSection, outcomeSection, verdictSection } from "./html-summary.ts";
import { type Html, html, raw } from "./html-text.ts";
import { style } from "./html-style.ts";
import type { LineWriter } from "./line-writer.ts";

export interface Page {
  readonly store: ReportStore;
  readonly body: ReportBody;
  readonly signature: ReportSignature;
}

const policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

export async function writeHtml(out: LineWriter, { store, body, signature }: Page): Promise<void> {
  const put = (part: Html): Promise<void> | null => out.write(part.html);
  await put(
    html`<!doctype html>
      <html lang="en">
        <head>
          <meta charset="utf-8" />
          <meta name="viewport" content="width=device-width, initial-scale=1" />
          <meta http-equiv="Content-Security-Policy" content="${policy}" />
          <title>Integrity report of job ${body.job.id}</title>
          <style>
            ${raw(style)}
          </style>
        </head>
        <body>
          <main>
            <h1>Godwit integrity report of job <code>${body.job.id}</code></h1>
       `,
  );
  await put(verdictSection(body));
  await put(numbersSection(body));
  await put(outcomeSection(body));
  await put(evidenceSection(body));
  await writeExceptions(put, store, body);
  await writeMismatches(put, store, body);
  await put(signatureSection(body, signature));
  await put(raw("</main>\n</body>\n</html>\n"));
  await out.flush();
}

type Put = (part: Html) => Promise<void> | null;

async function writeExceptions(put: Put, store: ReportStore, body: ReportBody): Promise<void> {
  await put(html`<h2>Exceptions</h2> `);
  if (body.sections.exceptions.lines === 0) {
    await put(html`<p>None. Every entry ended as it should, with all of its attributes.</p> `);
    return;
  }
  await put(
    html`<p>
        Each entry that ended otherwise than verified, identical, unchanged or filtered by a pattern, or that lost
        something other than its bytes: ${body.sections.exceptions.lines} in all, tries included that were later
        repeated with success.
      </p>
      <table>
        <thead>
          <tr>
            <th>Entry</th>
            <th>Outcome</th>
            <th>What happened</th>
          </tr>
        </thead>
        <tbody>
       `,
  );
  for await (const record of store.exceptions(body.job.id)) await put(exceptionRow(exceptionLine(record)));
  await put(raw("</tbody></table>\n"));
}

function exceptionRow({ path, outcome, lost, error }: ReportException): Html {
  const loss = lost.length === 0 ? [] : [html`<div>Not carried over: ${lost.join(", ")}</div>`];
  const what = error === null ? [] : [html`<div>${error.what} <span class="soft">(${error.code})</span></div>`];
  return html`<tr>
    <td><bdi class="name">${path}</bdi></td>
    <td>${outcome}</td>
    <td>${what}${loss}</td>
  </tr> `;
}

async function writeMismatches(put: Put, store: ReportStore, body: ReportBody): Promise<void> {
  await put(html`<h2>Bytes that came back different, or not at all</h2> `);
  if (body.sections.verdicts.lines === 0) {
    await put(html`<p>None. Each comparison of this job was a match.</p> `);
  } else {
    await put(
      html`<p>
          Each comparison that was no match; inconclusive is one for which something could not be read. What differed or
          was missing was sent again, or its entry stands above as failed.
        </p>
        <table>
          <thead>
            <tr>
              <th>When, at which stage</th>
              <th>Entry</th>
              <th>Digest of the source, of the target</th>
            </tr>
          </thead>
          <tbody>
         `,
    );
    for await (const record of store.verdicts(body.job.id)) {
      const line = verdictLine(record);
      if (line !== null) await put(mismatchRow(line));
    }
    await put(raw("</tbody></table>\n"));
  }
  const { attempts } = body.sections;
  if (attempts.lines > 0) {
    await put(
      html`<p class="soft">
        Attempts at a chunk that did not end well, and were repeated or given up: ${attempts.lines}. The JSON report
        names each.
      </p> `,
    );
  }
}

function mismatchRow(line: ReportVerdict): Html {
  const name =
    line.path === null ? html`chunk ${line.chunk}` : html`<bdi class="name">${line.path}</bdi> (chunk ${line.chunk})`;
  const blocks = line.bad_blocks.length === 0 ? [] : [html`<div>bad blocks: ${line.bad_blocks.length}</div>`];
  return html`<tr>
    <td>${line.at}<br />${line.stage}, ${line.result}, read by ${line.reader}</td>
    <td>${name}${blocks}</td>
    <td><code>${line.source_digest}</code><br /><code class="bad">${line.target_digest || "not read"}</code></td>
  </tr> `;
}

function signatureSection(body: ReportBody, signature: ReportSignature): Html {
  const facts: readonly (readonly [string, string])[] = [
    ["Key id", signature.key_id],
    ["Algorithm", signature.algorithm],
    ["Merkle root (RFC 6962)", body.merkle.root],
    ["Leaves", String(body.merkle.leaves)],
    ["Entries (SHA-256 of their lines)", body.sections.entries.sha256],
    ["Signature", signature.value],
  ];
  return html`<h2>How to check this</h2>
    <p>
      This page is for reading; what is signed is the JSON report of the same job, which names every entry with its
      digest. The first command needs the state of the job; the second, any machine, no network, no source and no
      target:
    </p>
    <pre>
godwit report ${body.job.id} --format json &gt; report.json
godwit report verify report.json --key signer.pub.pem</pre>
    <p>
      The answer must be «intact, signed by the given key», with the key id below. Take
      <code>signer.pub.pem</code> from whoever ran the job (<code>godwit keys export</code>), not from this page: a
      forger would print a key of his own here.
    </p>
    <h2>Signature</h2>
    <table class="facts">
      <tbody>
        ${facts.map(
          ([name, value]) =>
            html`<tr>
              <th>${name}</th>
              <td><code>${value}</code></td>
            </tr> `,
        )}
        <tr>
          <th>Public key</th>
          <td>
            <pre>
-----BEGIN PUBLIC KEY-----
${signature.public_key}
-----END PUBLIC KEY-----</pre>
          </td>
        </tr>
      </tbody>
    </table>
    <details>
      <summary>The signed text</summary>
      <pre>${canonicalJson(body)}</pre>
    </details> `;
}
