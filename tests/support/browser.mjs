// What the scripts that drive a browser share. The first argument of each is the place of
// playwright-core; `tests/support/browser.rs` starts them and does what `outside` asks for.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import readline from "node:readline";

/** What takes longer than this has failed. Generous, because a machine may be busy with other things. */
export const PATIENCE = 180_000;

// The test shows what is printed, and not what goes to standard error.
process.on("uncaughtException", (error) => {
  console.log(error.stack);
  process.exit(1);
});

const replies = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** Has the test do what a browser cannot, and waits until it is done. */
export async function outside(wish) {
  console.log(wish);
  assert.equal((await replies.next()).value, "done");
}

export function launch(...args) {
  const { chromium } = createRequire(import.meta.url)(process.argv[2]);
  return chromium.launch({
    executablePath: "/usr/bin/chromium",
    timeout: PATIENCE,
    args: [
      "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
      "--disable-background-networking", "--disable-component-update", "--disable-sync", ...args,
    ],
  });
}

export async function until(what, check) {
  const end = Date.now() + PATIENCE;
  let seen;
  do {
    try {
      seen = await check();
      if (seen === true) return;
    } catch (error) {
      seen = error;
    }
    await new Promise((done) => setTimeout(done, 20));
  } while (Date.now() < end);
  assert.fail(`${what}: ${seen}`);
}
