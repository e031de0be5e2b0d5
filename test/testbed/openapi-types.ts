/**
 * Types for a client from an OpenAPI document, in the shape that `openapi-fetch` takes. (The usual generator runs on the
 * programming interface of TypeScript 5, which TypeScript 7 no longer has.)
 */
import type { JsonSchema, OpenApiDocument, Operation, Parameter } from "../../src/api/openapi.ts";

export function clientTypes(document: OpenApiDocument): string {
  const schemas = Object.entries(document.components.schemas).map(
    ([name, schema]) => `export type ${name} = ${typeOf(schema)};`,
  );
  const paths = Object.entries(document.paths).map(
    ([path, methods]) =>
      `  ${JSON.stringify(path)}: { ${Object.entries(methods)
        .map(([method, operation]) => `${method}: ${operationType(operation)};`)
        .join(" ")} };`,
  );
  const made = "/** Made from the OpenAPI document by `node test/testbed/make-api-types.ts`. */";
  return `${made}\n${schemas.join("\n")}\n\nexport interface Paths {\n${paths.join("\n")}\n}\n`;
}

function operationType({ parameters, requestBody, responses }: Operation): string {
  const answers = Object.entries(responses).map(
    ([status, { content }]) => `${status}: { headers: Record<string, string>; content: ${contentType(content)} }`,
  );
  const body =
    requestBody === undefined ? "requestBody?: never" : `requestBody: { content: ${contentType(requestBody.content)} }`;
  return `{ parameters: { ${parametersType(parameters)} }; ${body}; responses: { ${answers.join("; ")} } }`;
}

function parametersType(parameters: readonly Parameter[]): string {
  return (["path", "query", "header"] as const)
    .map((where) => {
      const some = parameters.filter((parameter) => parameter.in === where);
      if (some.length === 0) return `${where}?: never`;
      const fields = some.map(
        ({ name, required, schema }) => `${JSON.stringify(name)}${required ? "" : "?"}: ${typeOf(schema)}`,
      );
      return `${where}${some.some(({ required }) => required) ? "" : "?"}: { ${fields.join("; ")} }`;
    })
    .join("; ");
}

function contentType(content: Readonly<Record<string, { readonly schema: JsonSchema }>>): string {
  const kinds = Object.entries(content).map(([media, { schema }]) => `${JSON.stringify(media)}: ${typeOf(schema)}`);
  return `{ ${kinds.join("; ")} }`;
}

function typeOf(schema: JsonSchema): string {
  const { $ref: reference, enum: choices, anyOf, items, properties, type } = schema;
  if (typeof reference === "string") return reference.slice(reference.lastIndexOf("/") + 1);
  if (Array.isArray(choices)) return choices.map((choice) => JSON.stringify(choice)).join(" | ");
  if (Array.isArray(anyOf)) return (anyOf as JsonSchema[]).map(typeOf).join(" | ");
  if (Array.isArray(type)) return (type as string[]).map((each) => typeOf({ ...schema, type: each })).join(" | ");
  if (items !== undefined) return `(${typeOf(items as JsonSchema)})[]`;
  if (properties !== undefined) return objectType(schema);
  switch (type) {
    case "integer":
    case "number":
      return "number";
    case "string":
    case "boolean":
    case "null":
      return type;
    case "object":
      return `Record<string, ${typeOf((schema["additionalProperties"] ?? {}) as JsonSchema)}>`;
    default:
      return "unknown";
  }
}

function objectType({ properties, required }: JsonSchema): string {
  const needed = new Set((required as readonly string[] | undefined) ?? []);
  const fields = Object.entries(properties as Readonly<Record<string, JsonSchema>>).map(
    ([name, field]) => `${JSON.stringify(name)}${needed.has(name) ? "" : "?"}: ${typeOf(field)}`,
  );
  return `{ ${fields.join("; ")} }`;
}
