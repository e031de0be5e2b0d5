/** `keys show|export|rotate`: the key that signs reports here. */
import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Command } from "commander";
import { z } from "zod";
import { must } from "../../base/assert.ts";
import { GodwitError } from "../../base/errors.ts";
import { visible } from "../../base/visible.ts";
import { type KeyInfo, listKeys, openSigningKey, rotateSigningKey, showKey } from "../../report/keys.ts";
import { answer } from "../answer.ts";
import { addCommand } from "../command.ts";
import { generalOptions, option } from "../job-options.ts";
import type { KeysDocument, RotatedDocument } from "../json-shapes.ts";
import { type ServerAddress, serverOf, serverOptions } from "../server-options.ts";
import { madeStateDirectory, stateDirectory } from "../state.ts";
import type { Surroundings } from "../surroundings.ts";

const { state, json } = generalOptions;
const showOptions = { state, json, ...serverOptions };
const idArgument = { name: "id", help: "of a key; without it, see the description", optional: true };

export function addKeysCommand(program: Command, surroundings: Surroundings): void {
  const keys = program
    .command("keys")
    .summary("the keys that sign reports here")
    .description("The keys that sign reports here.");
  addCommand(
    keys,
    {
      name: "show",
      summary: "every key that ever signed here, or on a server, the current one first",
      arguments: [idArgument],
      options: showOptions,
      examples: [{ line: "godwit keys show" }, { line: "godwit keys show --json" }],
      run: async ([id], values) => {
        const server = serverOf({ specs: showOptions, values, here: ["state"] });
        if (server !== null) {
          const shown = await remoteKeys(server, id, surroundings);
          if (values.json) answer(surroundings, keysDocument(shown));
          else surroundings.stdout.write(`${keysText(shown)}\n`);
          return 0;
        }
        const directory = stateDirectory(values.state);
        const shown = id === undefined ? await listKeys(directory) : [await showKey(directory, id)];
        if (values.json) answer(surroundings, keysDocument(shown));
        else surroundings.stdout.write(`${keysText(shown)}\n`);
        return 0;
      },
    },
    surroundings,
  );
  addExport(keys, surroundings);
  addCommand(
    keys,
    {
      name: "rotate",
      summary: "sign with a new key from now on",
      description:
        "Makes a new key that signs from now on. The old private key is not kept; its public key is, so that old reports can still be checked.",
      arguments: [],
      options: { state, json },
      examples: [{ line: "godwit keys rotate" }],
      run: async (_, values) => {
        const { before, current } = await rotateSigningKey(madeStateDirectory(values.state));
        const document: RotatedDocument = { before, key_id: current.keyId };
        if (values.json) answer(surroundings, document);
        else
          surroundings.stdout.write(
            `signing with ${current.keyId}${before === null ? "" : `, no longer with ${before}`}\n`,
          );
        return 0;
      },
    },
    surroundings,
  );
}

const exportOptions = {
  output: option("--output <file>", "write it there (default: stdout)", z.string().nullable().default(null)),
  state,
  json,
  ...serverOptions,
};

function addExport(keys: Command, surroundings: Surroundings): void {
  addCommand(
    keys,
    {
      name: "export",
      summary: "the public key in PEM, for those who check reports",
      description:
        "Prints a public key in PEM: the current one, or that of an id. Makes the key when there is none yet. The private key is never printed. With a server, that of the server which answers, or of an id.",
      arguments: [idArgument],
      options: exportOptions,
      examples: [{ line: "godwit keys export --output key.pem" }, { line: "godwit keys export 0123456789abcdef" }],
      run: async ([id], values) => {
        const server = serverOf({ specs: exportOptions, values, here: ["state"] });
        const key = server === null ? await ownKey(values, id) : await currentKey(server, id, surroundings);
        if (values.output !== null) write(resolve(values.output), key.publicKeyPem);
        if (values.json) answer(surroundings, keysDocument([key]));
        else if (values.output === null) surroundings.stdout.write(key.publicKeyPem);
        else surroundings.stdout.write(`${visible(resolve(values.output))}: public key ${key.keyId}\n`);
        return 0;
      },
    },
    surroundings,
  );
}

async function ownKey(values: { readonly state: string | null }, id: string | undefined): Promise<KeyInfo> {
  const directory = id === undefined ? madeStateDirectory(values.state) : stateDirectory(values.state);
  return showKey(directory, id ?? (await openSigningKey(directory)).keyId);
}

/** Of a fleet, or the one of that id. @throws key_invalid where there is none */
async function remoteKeys(
  address: ServerAddress,
  id: string | undefined,
  surroundings: Surroundings,
): Promise<readonly KeyInfo[]> {
  const { keysOfServer } = await import("../remote/report.ts");
  const keys = (await keysOfServer(address, surroundings)).map((key) => ({
    keyId: key.key_id,
    isCurrent: key.is_current,
    publicKeyPem: key.public_key_pem,
    since: Date.parse(key.since),
  }));
  const wanted = id === undefined ? keys : keys.filter(({ keyId }) => keyId === id);
  if (wanted.length > 0) return wanted;
  throw new GodwitError("key_invalid", {
    disposition: "rejected",
    what: `no key ${id ?? ""} ever signed on ${address.url}`,
    hint: "`godwit keys show` without an id lists those that did.",
  });
}

async function currentKey(
  address: ServerAddress,
  id: string | undefined,
  surroundings: Surroundings,
): Promise<KeyInfo> {
  const keys = await remoteKeys(address, id, surroundings);
  return must(keys.find(({ isCurrent }) => isCurrent) ?? keys[0], "none was refused");
}

function keysDocument(keys: readonly KeyInfo[]): KeysDocument {
  return {
    keys: keys.map(({ keyId, isCurrent, publicKeyPem, since }) => ({
      key_id: keyId,
      is_current: isCurrent,
      public_key_pem: publicKeyPem,
      since: new Date(since).toISOString(),
    })),
  };
}

function keysText(keys: readonly KeyInfo[]): string {
  if (keys.length === 0) return "no key yet: the first report makes one";
  return keys
    .map(
      ({ keyId, isCurrent, since }) =>
        `${keyId}  since ${new Date(since).toISOString()}${isCurrent ? "  signs now" : ""}`,
    )
    .join("\n");
}

function write(file: string, text: string): void {
  try {
    writeFileSync(file, text, { mode: 0o644 });
  } catch (cause) {
    throw new GodwitError("target_unwritable", {
      disposition: "rejected",
      what: `the key cannot be written to ${file}`,
      hint: "Give another place for it.",
      cause,
    });
  }
}
