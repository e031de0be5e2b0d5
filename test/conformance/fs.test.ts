import { connectorContract } from "./connector-contract.ts";
import { fsSubject } from "./fs-subject.ts";

connectorContract(fsSubject);
