/** The OpenAPI document as a page to read: no script, nothing from elsewhere. */
import { createHash } from "node:crypto";
import { errorCodes } from "../base/errors.ts";
import { type Html, html, raw } from "../report/html-text.ts";
import { style } from "../report/html-style.ts";
import type { Answer, JsonSchema, OpenApiDocument, Operation, Parameter } from "./openapi.ts";
import { problemTitles } from "./problem-titles.ts";

const more = `
nav ul { columns: 2; padding-left: 1.2rem; } article { border-top: 1px solid; padding: .5rem 0 1rem; }
h3 { font-size: 1rem; margin: 1.5rem 0 .25rem; } .method { font-weight: 700; }
.role { border: 1px solid; border-radius: .35rem; padding: 0 .4rem; font-size: .8rem; opacity: .7; }
td code, th code { white-space: nowrap; }
`;
const css = `${style}${more}`;

export interface ReferencePage {
  readonly text: string;
  readonly contentSecurityPolicy: string;
}

export function referencePage(document: OpenApiDocument): ReferencePage {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  );
  const { title, version, description } = document.info as Readonly<Record<string, string>>;
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title ?? ""} API</title>
        <style>
          ${raw(css)}
        </style>
      </head>
      <body>
        <main>
          <h1>${title ?? ""} ${version ?? ""}: HTTP API</h1>
          <p>${code(description ?? "")}</p>
          <p>The same for machines: <a href="/openapi.json">openapi.json</a>.</p>
          <nav>
            ${document.tags.map(
              (tag) =>
                html`<h3>${tag.name}</h3>
                  <p class="soft">${tag.description}</p>
                  <ul>
                    ${operations
                      .filter(({ operation }) => operation.tags.includes(tag.name))
                      .map(
                        ({ path, method, operation }) =>
                          html`<li><a href="#${operation.operationId}">${method} ${path}</a></li>`,
                      )}
                  </ul>`,
            )}
          </nav>
          <h2>Operations</h2>
          ${operations.map(operationPart)}
          <h2>Shapes</h2>
          ${Object.entries(document.components.schemas).map(schemaPart)}
          <h2>Error codes</h2>
          <ul>
            ${errorCodes.map((name) => html`<li id="error-${name}"><code>${name}</code> ${problemTitles[name]}</li>`)}
          </ul>
        </main>
      </body>
    </html> `;
  const hash = createHash("sha256").update(css).digest("base64");
  return {
    text: page.html,
    contentSecurityPolicy: `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; frame-ancestors 'none'`,
  };
}

interface Listed {
  readonly path: string;
  readonly method: string;
  readonly operation: Operation;
}

function operationPart({ path, method, operation }: Listed): Html {
  const { operationId, summary, description, parameters, requestBody, responses } = operation;
  return html`<article id="${operationId}">
    <h3>
      <span class="method">${method}</span> <code>${path}</code>
      <span class="role">${operation["x-role"] ?? "everybody"}</span>
    </h3>
    <p>${summary}.</p>
    ${description === undefined ? raw("") : html`<p>${code(description)}</p>`}
    ${
      parameters.length === 0
        ? raw("")
        : html`<table>
            <tbody>
              ${parameters.map(parameterRow)}
            </tbody>
          </table>`
    }
    ${requestBody === undefined ? raw("") : html`<p>Body: ${Object.values(requestBody.content).map(({ schema }) => typeOf(schema))}</p>`}
    <table>
      <tbody>
        ${Object.entries(responses).map(answerRow)}
      </tbody>
    </table>
  </article> `;
}

function parameterRow({ name, in: where, required, description, schema }: Parameter): Html {
  return html`<tr>
    <th><code>${name}</code></th>
    <td>${where}${required ? ", required" : ""}</td>
    <td>${typeOf(schema)}</td>
    <td>${code(description ?? "")}</td>
  </tr>`;
}

function answerRow([status, { description, content }]: readonly [string, Answer]): Html {
  const kinds = Object.entries(content).map(([media, { schema }]) => html`<code>${media}</code> ${typeOf(schema)} `);
  return html`<tr>
    <th>${status === "default" ? "other" : status}</th>
    <td>${code(description)}</td>
    <td>${kinds}</td>
  </tr>`;
}

function schemaPart([name, schema]: readonly [string, JsonSchema]): Html {
  return html`<article id="shape-${name}">
    <h3><code>${name}</code></h3>
    <p>${code(text(schema["description"]))}</p>
    ${fieldsTable(schema)}
  </article> `;
}

function fieldsTable(schema: JsonSchema): Html {
  const properties = propertiesOf(schema);
  if (properties === null) {
    const [first, ...others] = objectsOf(schema);
    if (first === undefined) return html`<p>${typeOf(schema)}</p>`;
    return others.length === 0 ? fieldsTable(first) : html`${[first, ...others].map(variantPart)}`;
  }
  const required = new Set((schema["required"] as readonly string[] | undefined) ?? []);
  const rows = Object.entries(properties).map(([name, field]) => {
    const usual = field["default"] === undefined ? "" : `default ${JSON.stringify(field["default"])}`;
    return html`<tr>
      <th><code>${name}</code></th>
      <td>${typeOf(field)} ${required.has(name) ? "" : "optional"} ${usual}</td>
      <td>${code(text(field["description"]))}${objectsOf(field).length === 0 ? raw("") : fieldsTable(field)}</td>
    </tr>`;
  });
  return html`<table>
    <tbody>
      ${rows}
    </tbody>
  </table>`;
}

/** One of several objects, named by what only it has. */
function variantPart(variant: JsonSchema): Html {
  const fixed = Object.entries(propertiesOf(variant) ?? {}).filter(([, { const: value }]) => value !== undefined);
  const names = fixed.map(([name, field]) => html` <code>${name}</code> ${typeOf(field)}`);
  return html`<p>${names.length === 0 ? "Or:" : html`With${names}:`}</p>
    ${fieldsTable(variant)}`;
}

function propertiesOf(schema: JsonSchema): Readonly<Record<string, JsonSchema>> | null {
  return (schema["properties"] as Readonly<Record<string, JsonSchema>> | undefined) ?? null;
}

function partsOf(schema: JsonSchema): readonly JsonSchema[] {
  return ((schema["anyOf"] ?? schema["oneOf"]) as readonly JsonSchema[] | undefined) ?? [];
}

/** Objects whose fields are told in place: the schema itself, those of a list, and those that it chooses from. */
function objectsOf(schema: JsonSchema): readonly JsonSchema[] {
  if (propertiesOf(schema) !== null) return [schema];
  const items = schema["items"] as JsonSchema | undefined;
  return [...(items === undefined ? [] : [items]), ...partsOf(schema)].flatMap(objectsOf);
}

function typeOf(schema: JsonSchema): Html {
  const reference = schema["$ref"];
  if (typeof reference === "string") {
    const name = reference.slice(reference.lastIndexOf("/") + 1);
    return html`<a href="#shape-${name}">${name}</a>`;
  }
  const choices = schema["enum"] as readonly unknown[] | undefined;
  if (choices !== undefined) return html`<code>${choices.map((choice) => JSON.stringify(choice)).join(" | ")}</code>`;
  if (schema["const"] !== undefined) return html`<code>${JSON.stringify(schema["const"])}</code>`;
  const parts = partsOf(schema);
  if (parts.length > 0) return html`${parts.map((part, at) => html`${at === 0 ? "" : " or "}${typeOf(part)}`)}`;
  const items = schema["items"] as JsonSchema | undefined;
  if (items !== undefined) return html`list of ${typeOf(items)}`;
  const bounds = [bound(schema, "minimum", "from"), bound(schema, "maximum", "to")].filter(Boolean).join(" ");
  return html`${[kindOf(schema["type"]), text(schema["format"]), bounds].filter(Boolean).join(", ") || "anything"}`;
}

/** Every whole number has bounds; those that only say that it is exact tell nothing. */
function bound(schema: JsonSchema, key: string, word: string): string {
  const value = schema[key];
  return typeof value === "number" && Math.abs(value) < Number.MAX_SAFE_INTEGER ? `${word} ${value}` : "";
}

function kindOf(type: unknown): string {
  return Array.isArray(type) ? type.join(" or ") : text(type);
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** `word` stands as code. */
function code(words: string): Html {
  return html`${words.split("`").map((part, at) => (at % 2 === 1 ? html`<code>${part}</code>` : html`${part}`))}`;
}
