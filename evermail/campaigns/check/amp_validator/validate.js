// Validates AMP4EMAIL documents, one a line: reads {"html": "..."} and answers
// {"status": "PASS" | "FAIL", "errors": [{"line", "col", "severity", "code", "message"}]}.
// Usage: node validate.js DIR, where DIR was filled by install.py beside this file.
"use strict";

const path = require("path");
const readline = require("readline");

const dir = path.resolve(process.argv[2]);
const { getInstance } = require(path.join(dir, "node_modules", "amphtml-validator"));

getInstance(path.join(dir, "validator_wasm.js")).then(async (validator) => {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const result = validator.validateString(JSON.parse(line).html, "AMP4EMAIL");
    const errors = result.errors.map(({ line, col, severity, code, message }) => ({ line, col, severity, code, message }));
    process.stdout.write(JSON.stringify({ status: result.status, errors }) + "\n");
  }
});
