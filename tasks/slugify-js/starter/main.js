// Makes slugs: node main.js [--separator S] [--max N]
"use strict";

const fs = require("node:fs");

function slug(text) {
  return text;
}

const lines = fs.readFileSync(0, "utf8").split("\n");
for (const line of lines) {
  console.log(slug(line));
}
