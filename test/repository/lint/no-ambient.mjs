/**
 * The oxlint rule `godwit/no-ambient`: time, timers and randomness are passed in (a Clock, a random source), never
 * taken from the air, so that the simulation replays every run from its seed.
 */
const timers = new Set(["setTimeout", "setInterval", "setImmediate"]);
const randomNames = new Set([
  "randomUUID",
  "randomBytes",
  "randomInt",
  "randomFill",
  "randomFillSync",
  "getRandomValues",
]);
const bannedModules = new Set(["node:timers", "node:timers/promises", "timers", "timers/promises"]);
const bannedMembers = new Map([
  ["Date", new Set(["now"])],
  ["Math", new Set(["random"])],
  ["performance", new Set(["now", "timeOrigin"])],
  ["process", new Set(["hrtime", "uptime"])],
  ["crypto", randomNames],
  ["webcrypto", randomNames],
  ["AbortSignal", new Set(["timeout"])],
  ["globalThis", new Set([...timers, "performance"])],
]);

function propertyName(node) {
  if (!node.computed && node.property.type === "Identifier") return node.property.name;
  return node.property.type === "Literal" ? String(node.property.value) : null;
}

function importedName(specifier) {
  return specifier.type === "ImportSpecifier" ? (specifier.imported.name ?? specifier.imported.value) : null;
}

const noAmbient = {
  meta: { type: "problem", docs: { description: "time, timers and randomness are injected" } },
  create(context) {
    const report = (node, what) =>
      context.report({ node, message: `${what} is ambient: take it from the injected Clock or random source` });
    const checkCallee = (node) => {
      const { callee } = node;
      if (callee.type !== "Identifier") return;
      if (timers.has(callee.name)) report(node, callee.name);
      if (callee.name === "Date" && node.arguments.length === 0) report(node, "the current time");
    };
    return {
      CallExpression: checkCallee,
      NewExpression: checkCallee,
      MemberExpression(node) {
        const name = propertyName(node);
        const object = node.object.type === "Identifier" ? node.object.name : null;
        if (object !== null && name !== null && bannedMembers.get(object)?.has(name)) report(node, `${object}.${name}`);
      },
      ImportDeclaration(node) {
        const module = node.source.value;
        if (bannedModules.has(module)) report(node, module);
        for (const specifier of node.specifiers) {
          const name = importedName(specifier);
          if (/^(node:)?crypto$/.test(module) && randomNames.has(name)) report(specifier, name);
          if (/^(node:)?perf_hooks$/.test(module) && name === "performance") report(specifier, name);
        }
      },
    };
  },
};

// oxlint loads a plugin by its default export.
export default { meta: { name: "godwit" }, rules: { "no-ambient": noAmbient } };
