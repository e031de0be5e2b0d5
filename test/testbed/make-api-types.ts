/** `node test/testbed/make-api-types.ts`, after the API has changed. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { apiRoutes } from "../../src/api/routes/all.ts";
import { clientTypes } from "./openapi-types.ts";

writeFileSync(join(import.meta.dirname, "..", "integration", "api-types.ts"), clientTypes(apiRoutes("0").document));
