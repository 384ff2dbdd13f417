// Renews the files of Swagger UI that `/docs` is made of; with `--check` it says whether they are those of the package.
// Needs npm. The version stands here and nowhere else.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliCompressSync, brotliDecompressSync, constants } from "node:zlib";

const VERSION = "5.35.0";
const PACKED = ["swagger-ui-bundle.js", "swagger-ui.css"];
const PLAIN = ["LICENSE", "NOTICE", "swagger-ui-bundle.js.LICENSE.txt"];
const home = join(import.meta.dirname, "../kafka-http/src/assets/swagger-ui");

const scratch = mkdtempSync(join(tmpdir(), "swagger-ui-"));
process.on("exit", () => rmSync(scratch, { recursive: true }));
execFileSync("npm", ["pack", "--silent", `swagger-ui-dist@${VERSION}`], { cwd: scratch });
execFileSync("tar", ["-xzf", `swagger-ui-dist-${VERSION}.tgz`], { cwd: scratch });
const published = (name) => readFileSync(join(scratch, "package", name));

// A window of 2 MiB holds each of them whole, and is what unpacking takes of memory.
const { BROTLI_PARAM_LGWIN, BROTLI_PARAM_QUALITY, BROTLI_PARAM_SIZE_HINT } = constants;
const pack = (bytes) => brotliCompressSync(bytes, {
  params: { [BROTLI_PARAM_QUALITY]: 11, [BROTLI_PARAM_LGWIN]: 21, [BROTLI_PARAM_SIZE_HINT]: bytes.length },
});

const lines = PACKED.map((name) => `${createHash("sha256").update(published(name)).digest("hex")}  ${name}`);
const source = [`swagger-ui-dist ${VERSION}, Apache-2.0; renewed by tests/swagger_ui.mjs`, ...lines, ""].join("\n");

if (process.argv[2] === "--check") {
  assert.equal(readFileSync(join(home, "SOURCE.txt"), "utf8"), source);
  for (const name of PACKED) {
    assert.ok(brotliDecompressSync(readFileSync(join(home, `${name}.br`))).equals(published(name)), name);
  }
} else {
  writeFileSync(join(home, "SOURCE.txt"), source);
  for (const name of PACKED) writeFileSync(join(home, `${name}.br`), pack(published(name)));
  for (const name of PLAIN) writeFileSync(join(home, name), published(name));
}
