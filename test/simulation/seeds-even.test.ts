import { seedTests } from "./seeds.ts";

seedTests(0);
