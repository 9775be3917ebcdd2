// Checks the size of the built console, and the licences of the packages that it ships.

import { readFileSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

const LICENCES = new Set(['MIT', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC'])
const MOST_BYTES = 250 * 1024
const here = import.meta.dirname

/** The packages that are shipped: the dependencies, and theirs. */
function shipped(lock) {
  const found = new Set()
  const add = (names, from) => {
    for (const name of names) {
      const path = [`${from}/node_modules/${name}`, `node_modules/${name}`].find((one) => one in lock.packages)
      if (path === undefined) throw new Error(`the lock file has no ${name}`)
      if (found.has(path)) continue
      found.add(path)
      add(Object.keys(lock.packages[path].dependencies ?? {}), path)
    }
  }
  add(Object.keys(lock.packages[''].dependencies), '')
  return [...found]
}

const faults = []
const lock = JSON.parse(readFileSync(join(here, 'package-lock.json'), 'utf8'))
const packages = shipped(lock)
for (const path of packages) {
  const { license } = JSON.parse(readFileSync(join(here, path, 'package.json'), 'utf8'))
  if (!LICENCES.has(license)) faults.push(`${path} has the licence ${license}`)
}
for (const [name, version] of Object.entries({ ...lock.packages[''].dependencies, ...lock.packages[''].devDependencies })) {
  if (!/^\d+\.\d+\.\d+$/.test(version)) faults.push(`${name} is not pinned: ${version}`)
}

const files = readdirSync(join(here, 'dist'), { recursive: true }).map((name) => join(here, 'dist', name))
const compressed = files.filter((name) => name.endsWith('.gz'))
const bytes = compressed.reduce((sum, name) => sum + statSync(name).size, 0)
if (bytes > MOST_BYTES) faults.push(`the console is ${bytes} bytes compressed, of at most ${MOST_BYTES}`)
for (const name of files) {
  if (!name.endsWith('.gz') && statSync(name).isFile() && !compressed.includes(`${name}.gz`)) faults.push(`${name} has no compressed form`)
}

for (const fault of faults) console.error(fault)
console.log(`console: ${(bytes / 1024).toFixed(1)} KiB compressed, ${packages.length} packages`)
process.exit(faults.length === 0 ? 0 : 1)
