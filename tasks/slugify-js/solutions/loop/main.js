const fs = require("fs");

let separator = "-";
let max = 0;
const args = process.argv.slice(2);
while (args.length > 0) {
  const name = args.shift();
  const value = args.shift();
  if (name == "--separator" && (value === "-" || value === "_" || value === ".")) {
    separator = value;
  } else if (name == "--max" && String(parseInt(value)) === value && parseInt(value) > 0) {
    max = parseInt(value);
  } else {
    console.error("usage: node main.js [--separator -|_|.] [--max N]");
    process.exit(2);
  }
}

const special = new Map(
  Object.entries({ ß: "ss", æ: "ae", œ: "oe", ø: "o", ł: "l", đ: "d", þ: "th" })
);

function toSlug(title) {
  let words = [""];
  for (const char of title.normalize("NFKD").toLowerCase().normalize("NFKD")) {
    if (/\p{M}/u.test(char) || char === "'" || char === "\u2019") continue;
    const simple = special.get(char) || char;
    if (/^[a-z0-9]+$/.test(simple)) {
      words[words.length - 1] += simple;
    } else {
      words.push("");
    }
  }
  words = words.filter((word) => word !== "");
  if (words.length === 0) words = ["untitled"];
  let result = words[0];
  if (max && result.length > max) return result.substring(0, max);
  for (const word of words.slice(1)) {
    if (max && result.length + 1 + word.length > max) break;
    result += separator + word;
  }
  return result;
}

const input = fs.readFileSync(0).toString("utf-8");
if (input !== "") {
  for (const line of input.replace(/\r?\n$/, "").split("\n")) {
    console.log(toSlug(line));
  }
}
