// Compiles the examples in the README of the typed client, and runs them against the server at KAFKA_URL.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const home = join(import.meta.dirname, "../kafka-http/client");
// Inside of the package, where its own name leads to it.
const scratch = join(home, "dist/readme");
rmSync(scratch, { recursive: true, force: true });
mkdirSync(scratch, { recursive: true });

const readme = readFileSync(join(home, "README.md"), "utf8");
const examples = [...readme.matchAll(/```ts\n(.*?)```/gs)].map(([, code], at) => {
  const name = `example_${at + 1}`;
  writeFileSync(join(scratch, `${name}.ts`), code);
  return name;
});
const options = "--strict --target es2022 --module nodenext --lib es2022,dom,dom.iterable --types node".split(" ");
execFileSync("npx", ["tsc", ...options, ...examples.map((name) => join(scratch, `${name}.ts`))], { cwd: home, stdio: "inherit" });
const printed = examples.map((name) => execFileSync("node", [join(scratch, `${name}.js`)], { encoding: "utf8" }));
assert.deepEqual(printed, ["Echo: Who is K.?\n", "Echo:\n Who\n is\n K.?\nstop\n"]);
console.log(`ok ${examples.length} examples`);
