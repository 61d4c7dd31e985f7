// Makes slugs: node main.js [--separator S] [--max N]
"use strict";

const fs = require("node:fs");

const REWRITTEN = { ß: "ss", ẞ: "ss", æ: "ae", œ: "oe", ø: "o", ł: "l", đ: "d", þ: "th" };
const SEPARATORS = ["-", "_", "."];

class UsageError extends Error {}

function plain(text) {
  return text
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .replace(/[ßæœøłđþ]/g, (letter) => REWRITTEN[letter])
    .replace(/['’]/g, "");
}

function shorten(words, separator, max) {
  return words.join(separator).slice(0, max);
}

function slug(text, { separator, max }) {
  const words = plain(text).match(/[a-z0-9]+/g) ?? ["untitled"];
  return shorten(words, separator, max);
}

function parse(args) {
  const options = { separator: "-", max: Infinity };
  for (let i = 0; i < args.length; i += 2) {
    const [name, value] = [args[i], args[i + 1]];
    if (name === "--separator" && SEPARATORS.includes(value)) {
      options.separator = value;
    } else if (name === "--max" && /^[0-9]+$/.test(value ?? "") && Number(value) >= 1) {
      options.max = Number(value);
    } else {
      throw new UsageError(`unknown option or value: ${name} ${value ?? ""}`);
    }
  }
  return options;
}

function lines(text) {
  const all = text.split(/\r?\n/);
  return all.at(-1) === "" ? all.slice(0, -1) : all;
}

try {
  const options = parse(process.argv.slice(2));
  const slugs = lines(fs.readFileSync(0, "utf8")).map((line) => slug(line, options) + "\n");
  process.stdout.write(slugs.join(""));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`slugify: ${error.message}\n`);
  process.exitCode = 2;
}
