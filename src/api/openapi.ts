/**
 * The OpenAPI 3.1 document (https://spec.openapis.org/oas/v3.1.1), from the shapes that check requests and answers:
 * OpenAPI 3.1 takes JSON Schema 2020-12 as it is, which zod writes.
 */
import { z } from "zod";
import { problemMedia, problemShape } from "./problem.ts";
import { type Route, shapeOf } from "./route.ts";

export type JsonSchema = Readonly<Record<string, unknown>>;

export interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description?: string;
  readonly security: readonly Readonly<Record<string, readonly string[]>>[];
  readonly "x-role"?: string;
  readonly parameters: readonly Parameter[];
  readonly requestBody?: { readonly required: true; readonly content: Content };
  readonly responses: Readonly<Record<string, Answer>>;
}

export interface Parameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly required: boolean;
  readonly description?: string;
  readonly schema: JsonSchema;
}

type Content = Readonly<Record<string, { readonly schema: JsonSchema }>>;

export interface Answer {
  readonly description: string;
  readonly content: Content;
}

// A type, not an interface: it is an answer too, and those are records.
export type OpenApiDocument = {
  readonly openapi: "3.1.1";
  readonly info: Readonly<Record<string, unknown>>;
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly securitySchemes: Readonly<Record<string, unknown>>;
    readonly schemas: Readonly<Record<string, JsonSchema>>;
  };
};

const tags = [
  { name: "Migrations", description: "Jobs: submit, list, watch." },
  { name: "Control", description: "Pause, resume, cancel, and what may change while a job runs." },
  { name: "Proof", description: "What is proven, and what failed." },
  { name: "Chunks", description: "The slices of a job, and who worked on them." },
  { name: "Sources", description: "What may be read of each source, and who reads it now." },
  { name: "Fleet", description: "The workers, and numbers for Prometheus." },
  { name: "Access", description: "Tokens and the audit log." },
  { name: "Server", description: "Health, and this document." },
];

const about = `Every request but those under Server carries \`Authorization: Bearer TOKEN\`. Unknown fields are refused.
Lists are pages: give \`next_cursor\` as \`cursor\` until it is null. Errors are problem details (RFC 9457) with a stable
code, and name the fields that are wrong. Bytes are bytes; a limit is in decimal GB per hour; times are UTC.`;

type Schemas = Record<string, JsonSchema>;

export function openApiDocument(routes: readonly Route[], version: string): OpenApiDocument {
  const schemas: Schemas = {};
  const paths: Record<string, Record<string, Operation>> = {};
  for (const route of routes)
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operationOf(route, schemas) };
  return {
    openapi: "3.1.1",
    info: {
      title: "Godwit",
      version,
      summary: "Moves trees of files and objects, and proves that nothing was lost.",
      description: about,
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    tags,
    paths,
    components: {
      securitySchemes: {
        token: {
          type: "http",
          scheme: "bearer",
          description: "A token with the role that `x-role` of the operation names, or a higher one.",
        },
      },
      schemas: Object.fromEntries(Object.entries(schemas).toSorted(([a], [b]) => (a < b ? -1 : 1))),
    },
  };
}

function operationOf(route: Route, schemas: Schemas): Operation {
  const { role, isKeyed, body, media = "application/json", written } = route;
  const answer = schemaOf(route.answer, "output", schemas);
  const responses: Record<string, Answer> = {};
  for (const [status, description] of Object.entries(route.statuses))
    responses[status] = { description, content: contentOf(written ?? [media], answer) };
  responses["default"] = {
    description: "A problem.",
    content: { [problemMedia]: { schema: schemaOf(problemShape, "output", schemas) } },
  };
  return {
    operationId: route.id,
    tags: [route.tag],
    summary: route.summary,
    ...(route.description !== undefined && { description: route.description }),
    security: role === null ? [] : [{ token: [] }],
    ...(role !== null && { "x-role": role }),
    parameters: [
      ...parametersOf(shapeOf(route.params), "path", schemas),
      ...parametersOf(shapeOf(route.query), "query", schemas),
      ...(isKeyed === true ? [idempotencyKey] : []),
    ],
    ...(body !== null && {
      requestBody: {
        required: true,
        content: { "application/json": { schema: schemaOf(body, "input", schemas) } },
      } as const,
    }),
    responses,
  };
}

function contentOf(media: readonly string[], schema: JsonSchema): Content {
  return Object.fromEntries(media.map((type) => [type, { schema }]));
}

const idempotencyKey: Parameter = {
  name: "Idempotency-Key",
  in: "header",
  required: false,
  description:
    "1 to 255 visible ASCII characters, new for each new request. The same request with the same key is done once.",
  schema: { type: "string", minLength: 1, maxLength: 255 },
};

function parametersOf(shape: z.ZodObject, where: "path" | "query", schemas: Schemas): readonly Parameter[] {
  const { properties = {}, required = [] } = schemaOf(shape, "input", schemas) as {
    readonly properties?: Readonly<Record<string, JsonSchema>>;
    readonly required?: readonly string[];
  };
  return Object.entries(properties).map(([name, { description, ...schema }]): Parameter => {
    const parameter = { name, in: where, required: where === "path" || required.includes(name), schema };
    return typeof description === "string" ? Object.assign(parameter, { description }) : parameter;
  });
}

/** Shapes with an id stand among the components; everything else where it is used. */
function schemaOf(shape: z.ZodType, io: "input" | "output", schemas: Schemas): JsonSchema {
  const {
    $schema: _,
    $defs = {},
    ...schema
  } = z.toJSONSchema(shape, { target: "draft-2020-12", io, unrepresentable: "throw" });
  for (const [name, definition] of Object.entries($defs)) addSchema(schemas, name, definition);
  const id = shape.meta()?.id;
  if (id === undefined) return moved(schema) as JsonSchema;
  if (!("$ref" in schema)) addSchema(schemas, id, schema);
  return { $ref: `#/components/schemas/${id}` };
}

function addSchema(schemas: Schemas, name: string, definition: JsonSchema): void {
  const { id: _, ...rest } = definition;
  const made = moved(rest) as JsonSchema;
  const known = schemas[name];
  if (known !== undefined && JSON.stringify(known) !== JSON.stringify(made))
    throw new Error(`two schemas are called ${name}`);
  schemas[name] = made;
}

/** References into the definitions of one schema become references into the components of the document. */
function moved(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(moved);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      key === "$ref" && typeof inner === "string" ? inner.replace("#/$defs/", "#/components/schemas/") : moved(inner),
    ]),
  );
}
