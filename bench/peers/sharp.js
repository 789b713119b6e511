// The variants of a picture as the first draft of this system made them, word for word.
//
// Each line of the input asks for so many pictures with so many of them at once, as `FILE COUNT AT_ONCE`, and is answered
// with a line: how long it took, and of the processor. `FILE 0 DIR` writes the variants there.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const readline = require("node:readline");
const sharp = require("sharp");

sharp.cache(false);

async function processImage(buffer) {
  return Promise.all([
    { name: "original.webp", buffer: await sharp(buffer).webp({ quality: 90 }).toBuffer() },
    { name: "thumb.webp", buffer: await sharp(buffer).resize(200, 200, { fit: "cover" }).webp({ quality: 80 }).toBuffer() },
    {
      name: "medium.webp",
      buffer: await sharp(buffer)
        .resize(800, 800, { fit: "inside", withoutEnlargement: true })
        .webp({ quality: 85 })
        .toBuffer(),
    },
  ]);
}

async function processMany(buffer, count, atOnce) {
  let left = count;
  const lane = async () => {
    while (left-- > 0) await processImage(buffer);
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
}

async function answer(line) {
  const [file, count, rest] = line.split(" ");
  const buffer = fs.readFileSync(file);
  if (count === "0") {
    for (const variant of await processImage(buffer)) fs.writeFileSync(path.join(rest, variant.name), variant.buffer);
    return {};
  }
  const [before, started] = [process.cpuUsage(), process.hrtime.bigint()];
  await processMany(buffer, Number(count), Number(rest));
  const [cpu, took] = [process.cpuUsage(before), process.hrtime.bigint() - started];
  return { wall_s: Number(took) / 1e9, cpu_s: (cpu.user + cpu.system) / 1e6 };
}

(async () => {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    process.stdout.write(`${JSON.stringify(await answer(line))}\n`);
  }
})();
