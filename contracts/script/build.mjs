#!/usr/bin/env node
// Compile src/ and write artifacts/*.json, or with --check say which committed artifact is stale (exit 1). With
// --code PATH CONTRACT print the bytecode of another contract, compiled in the same way: the benchmarks compare with one.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

// What is deployed, and where it is written. A library is linked when it is deployed: its address is zero here.
const CONTRACTS = {
  Bundles: "src/libraries/Bundles.sol",
  Certificate: "src/Certificate.sol",
  Deliveries: "src/libraries/Deliveries.sol",
  Guarantee: "src/Guarantee.sol",
  LongTerm: "src/LongTerm.sol",
  LongTermRules: "src/libraries/LongTermRules.sol",
  PayAsYouGo: "src/PayAsYouGo.sol",
  Settlement: "src/Settlement.sol",
  SettlementToken: "src/SettlementToken.sol",
  Standby: "src/Standby.sol",
  TokenProbe: "src/TokenProbe.sol",
};
// Where a check that found everything fresh says of what it was, so that the next one need not compile the same again.
const CHECKED = "cache/checked";
const REMAPPINGS = ["solady/=node_modules/solady/src/"];
// The twin of foundry.toml: what forge tests is what is deployed.
const SETTINGS = {
  evmVersion: "shanghai",
  viaIR: true,
  optimizer: { enabled: true, runs: 10_000 },
  metadata: { bytecodeHash: "none", appendCBOR: false },
};

const OUTPUTS = [
  "abi",
  "evm.bytecode.object",
  "evm.bytecode.linkReferences",
  "evm.deployedBytecode.object",
  "evm.deployedBytecode.linkReferences",
  "evm.deployedBytecode.immutableReferences",
];

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const solc = createRequire(import.meta.url)("solc");

function readImport(path) {
  try {
    return { contents: readFileSync(join(root, path), "utf8") };
  } catch (error) {
    return { error: `${path}: ${error.code}` };
  }
}

function sources() {
  return readdirSync(join(root, "src"), { recursive: true })
    .filter((path) => path.endsWith(".sol"))
    .map((path) => `src/${path}`)
    .sort();
}

/// The hash of all that decides whether the artifacts are fresh: sources, libraries, compiler, this script, artifacts.
function fingerprint() {
  const hash = createHash("sha256").update(solc.version());
  const built = Object.keys(CONTRACTS).map((name) => `artifacts/${name}.json`);
  for (const path of [...sources(), ...built, "package-lock.json", "script/build.mjs"]) {
    hash.update(`\0${path}\0${readImport(path).contents}`);
  }
  return hash.digest("hex");
}

function compile(paths, wanted) {
  const input = {
    language: "Solidity",
    sources: Object.fromEntries(paths.map((path) => [path, { content: readFileSync(join(root, path), "utf8") }])),
    settings: {
      ...SETTINGS,
      remappings: REMAPPINGS,
      outputSelection: {
        "*": { "": ["ast"] }, // tells the names of the immutables
        ...Object.fromEntries(wanted.map(([path, name]) => [path, { [name]: OUTPUTS }])),
      },
    },
  };
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: readImport }));
  const errors = (output.errors ?? []).filter((found) => found.severity === "error");
  if (errors.length > 0) {
    console.error(errors.map((found) => found.formattedMessage).join("\n"));
    process.exit(1);
  }
  return { contracts: output.contracts, names: immutableNames(output.sources) };
}

/// The name of each immutable by the number that the compiler gives it, as in `Operated.operator`.
function immutableNames(sources) {
  const contracts = Object.values(sources).flatMap((source) => source.ast.nodes);
  const variables = contracts.flatMap((contract) =>
    (contract.nodes ?? [])
      .filter((node) => node.mutability === "immutable")
      .map((node) => [node.id, `${contract.name}.${node.name}`]),
  );
  return Object.fromEntries(variables);
}

/// Each immutable's name, and where in the code its word stands. A library keeps its own address as one.
function immutablesOf(bytecode, names) {
  const places = Object.entries(bytecode.immutableReferences ?? {}).map(([id, references]) => [
    names[id] ?? id,
    references.map((reference) => reference.start).sort((one, other) => one - other),
  ]);
  return Object.fromEntries(places.sort(([one], [other]) => (one < other ? -1 : 1)));
}

/// Each library's name, and where in the bytecode its address belongs.
function linksOf(bytecode) {
  const libraries = Object.assign({}, ...Object.values(bytecode.linkReferences));
  return Object.fromEntries(
    Object.entries(libraries).map(([name, places]) => [name, places.map((place) => place.start)]),
  );
}

function unlinked(object) {
  return `0x${object.replace(/__\$[0-9a-f]{34}\$__/g, "00".repeat(20))}`;
}

function artifact({ contracts, names }, contractName) {
  const { abi, evm } = contracts[CONTRACTS[contractName]][contractName];
  const content = {
    contractName,
    abi,
    bytecode: unlinked(evm.bytecode.object),
    deployedBytecode: unlinked(evm.deployedBytecode.object),
    links: linksOf(evm.bytecode),
    deployedLinks: linksOf(evm.deployedBytecode),
    immutables: immutablesOf(evm.deployedBytecode, names),
    solc: solc.version().replace(".Emscripten.clang", ""),
    settings: SETTINGS,
  };
  return `${JSON.stringify(content, null, 2)}\n`;
}

const [option, path, name] = process.argv.slice(2);
if (option === "--code") {
  console.log(compile([path], [[path, name]]).contracts[path][name].evm.bytecode.object);
  process.exit(0);
}
const check = option === "--check";
if (check && readImport(CHECKED).contents === fingerprint()) process.exit(0);
const compiled = compile(
  sources(),
  Object.entries(CONTRACTS).map(([contractName, path]) => [path, contractName]),
);
let stale = 0;
for (const contractName of Object.keys(CONTRACTS)) {
  const path = `artifacts/${contractName}.json`;
  const fresh = artifact(compiled, contractName);
  if (!check) {
    writeFileSync(join(root, path), fresh);
    console.log(`${path}: written`);
  } else if (readImport(path).contents !== fresh) {
    console.error(`contracts/${path} is stale: run node contracts/script/build.mjs and commit it`);
    stale = 1;
  }
}
if (check && !stale) {
  mkdirSync(join(root, dirname(CHECKED)), { recursive: true });
  writeFileSync(join(root, CHECKED), fingerprint());
}
process.exit(stale);
