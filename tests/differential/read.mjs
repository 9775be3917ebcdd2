// Reads what modelgate accepted with other readers of JSON and forms: none may see another model.

import { createInterface } from "node:readline";
import busboy from "busboy";

const RENAMED = "renamed/model 1";

function byBusboy(kind, body) {
  return new Promise((resolve, reject) => {
    const pairs = [];
    const parser = busboy({ headers: { "content-type": kind } });
    parser.on("field", (name, value) => pairs.push([name, value]));
    parser.on("file", (name, stream) => {
      const chunks = [];
      stream.on("data", (chunk) => chunks.push(chunk));
      stream.on("end", () => pairs.push([name, Buffer.concat(chunks).toString()]));
      stream.on("error", reject);
    });
    parser.on("error", reject);
    parser.on("close", () => resolve(pairs));
    parser.end(body);
  });
}

async function byFetch(kind, body) {
  const form = await new Response(body, { headers: { "content-type": kind } }).formData();
  const text = async ([name, value]) => [name, typeof value === "string" ? value : await value.text()];
  return Promise.all([...form].map(text));
}

const bySearchParams = (_, body) => [...new URLSearchParams(body.toString())];

function byJson(_, body) {
  const value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  return typeof value === "object" && value !== null && !Array.isArray(value) ? Object.entries(value) : [];
}

const READERS = {
  "multipart/form-data": [byBusboy, byFetch],
  "application/x-www-form-urlencoded": [byBusboy, byFetch, bySearchParams],
};

// How many requests each reader could read.
const readBy = Object.fromEntries([byBusboy, byFetch, bySearchParams, byJson].map(({ name }) => [name, 0]));

// The pairs that a reader sees; none where it gives up, as it then asks for nothing.
async function read(reader, kind, body) {
  try {
    return await reader(kind, body);
  } catch {
    return undefined;
  }
}

const isModel = ([name]) => name?.trim().toLowerCase().split(/[[.]/)[0] === "model";
const models = (pairs) => pairs.filter(isModel).map(([, value]) => value);
const rest = (pairs) => pairs.filter(([name]) => name !== "model");
const same = (one, two) => JSON.stringify(one) === JSON.stringify(two);

function inBatch(pairs) {
  const purpose = pairs.filter(([name]) => name === "purpose").map(([, value]) => value.trim().toLowerCase());
  if (!same(purpose, []) && !same(purpose, ["batch"])) return [];
  const lines = pairs.filter(([name]) => name === "file").flatMap(([, value]) => value.split("\n"));
  return lines.flatMap((line) => {
    try {
      return JSON.parse(line).body.model ?? [];
    } catch {
      return [];
    }
  });
}

async function check(given) {
  const problems = [];
  const kind = given.content_type ?? "";
  const essence = kind.split(";")[0].trim().toLowerCase();
  const body = Buffer.from(given.body, "hex");
  for (const reader of READERS[essence] ?? [byJson]) {
    const pairs = await read(reader, kind, body);
    if (pairs === undefined) continue;
    readBy[reader.name] += 1;
    const expected = given.in_body ? given.models.slice(0, 1) : [];
    // `null` is no model, and Google's API has a prefix.
    const seen = models(pairs).filter((model) => model !== null);
    const isExpected = same(seen, expected) || same(seen, expected.map((model) => `models/${model}`));
    if (!given.replaced && !isExpected) {
      problems.push(`${reader.name} sees ${JSON.stringify(seen)} instead of ${JSON.stringify(expected)}`);
    }
    const others = inBatch(pairs).filter((model) => !given.models.includes(model));
    if (essence === "multipart/form-data" && others.length > 0) {
      problems.push(`${reader.name} sees ${others} in a batch`);
    }
    if (given.renamed === null) continue;
    const renamed = await read(reader, kind, Buffer.from(given.renamed, "hex"));
    if (renamed === undefined || !["", "models/"].some((prefix) => same(models(renamed), [prefix + RENAMED]))) {
      problems.push(`${reader.name} does not see the deployment's model`);
    } else if (!same(rest(renamed), rest(pairs))) {
      problems.push(`${reader.name} sees more change than the model`);
    }
  }
  return problems;
}

let count = 0;
let wrong = 0;
for await (const line of createInterface({ input: process.stdin })) {
  const given = JSON.parse(line);
  count += 1;
  for (const problem of await check(given)) {
    wrong += 1;
    console.log(`${given.name}: ${problem}\n  ${JSON.stringify(Buffer.from(given.body, "hex").toString("latin1"))}`);
  }
}
console.log(`Node: ${count} requests, ${wrong} differences; read by ${JSON.stringify(readBy)}`);
process.exit(wrong > 0 || Object.values(readBy).includes(0) ? 1 : 0);
