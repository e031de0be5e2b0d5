import { z } from "zod";
import { roles, type TokenRecord } from "../../ports/access.ts";
import { after, nextCursor, pageQuery, wordCursor, wordOf } from "../cursor.ts";
import { invalid } from "../problem.ts";
import { route } from "../route.ts";
import { instant, tokenId } from "../shapes.ts";
import { makeToken } from "../tokens.ts";
import { instantOrNull, instantText } from "../units.ts";

const role = z
  .enum(roles)
  .describe(
    "viewer looks; operator also submits and controls; admin also caps sources, makes tokens and reads the audit log",
  );

const fields = {
  token_id: tokenId,
  name: z.string(),
  role,
  created_at: instant,
  created_by: z.string().nullable().describe("the id of the token that made it; null for the first one"),
  expires_at: instant.nullable(),
  revoked_at: instant.nullable(),
  usable: z.boolean().describe("neither revoked nor expired"),
};
const token = z.strictObject(fields).meta({ id: "Token" });
const newToken = z
  .strictObject({ ...fields, token: z.string().describe("the secret: told once, here, and kept nowhere") })
  .meta({ id: "NewToken" });

function tokenAnswer(record: TokenRecord): z.input<typeof token> {
  return {
    token_id: record.id,
    name: record.name,
    role: record.role,
    created_at: instantText(record.createdAt),
    created_by: record.createdBy,
    expires_at: instantOrNull(record.expiresAt),
    revoked_at: instantOrNull(record.revokedAt),
    usable: record.isUsable,
  };
}

const words = { tag: "Access", role: "admin" } as const;

export const tokensRoute = route({
  ...words,
  id: "listTokens",
  method: "GET",
  path: "/tokens",
  summary: "List tokens, without their secrets",
  statuses: { 200: "A page of tokens, the oldest first." },
  params: null,
  query: z.strictObject(pageQuery(100, 1_000)),
  body: null,
  answer: z.strictObject({ tokens: z.array(token), next_cursor: nextCursor }).meta({ id: "Tokens" }),
  handle: async ({ api, query: { limit, cursor } }) => {
    const found = await api.access.tokens(wordOf(cursor), limit);
    return {
      body: { tokens: found.map(tokenAnswer), next_cursor: after(found, limit, (last) => wordCursor(last.id)) },
    };
  },
});

const makeBody = z
  .strictObject({
    name: z.string().regex(/^\P{Cc}{1,100}$/u, "has 1 to 100 characters, without control characters"),
    role,
    expires_at: instant.nullable().default(null).describe("null: never"),
  })
  .meta({ id: "TokenWishes" });

export const makeTokenRoute = route({
  ...words,
  id: "makeToken",
  method: "POST",
  path: "/tokens",
  summary: "Make a token",
  statuses: { 201: "The token with its secret, which is told only here." },
  params: null,
  query: null,
  body: makeBody,
  answer: newToken,
  handle: async ({ api, body, caller }) => {
    const expiresAt = body.expires_at === null ? null : Date.parse(body.expires_at);
    if (expiresAt !== null && !(expiresAt > api.clock.now()))
      throw invalid([{ field: "expires_at", detail: "lies in the past" }]);
    const { record, token: secret } = await makeToken(api.access, api.randomBytes, {
      name: body.name.toWellFormed(),
      role: body.role,
      expiresAt,
      createdBy: caller.tokenId,
    });
    return { body: { ...tokenAnswer(record), token: secret } };
  },
});

export const revokeTokenRoute = route({
  ...words,
  id: "revokeToken",
  method: "DELETE",
  path: "/tokens/{token_id}",
  summary: "Revoke a token",
  description: "At once, and for good. The last token of an admin that can be used stays.",
  statuses: { 200: "The token, revoked." },
  params: z.strictObject({ token_id: tokenId }),
  query: null,
  body: null,
  answer: token,
  handle: async ({ api, params }) => ({ body: tokenAnswer(await api.access.revokeToken(params.token_id)) }),
});
