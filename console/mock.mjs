// A stand-in for the admin listener, to work on the console without a gateway. It serves `dist/` with the headers of the
// real one, and answers by the command: what it says about access, explanations and differences is real. Decisions and
// rates are made up.
//
//   node mock.mjs CONFIG [--policies DIR] [--port N] [--rate DECISIONS_PER_SECOND]
//   MODELGATE=path/to/modelgate node mock.mjs ...

import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { basename, extname, join, normalize } from 'node:path'
import { parseArgs } from 'node:util'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { policies: { type: 'string' }, port: { type: 'string', default: '0' }, rate: { type: 'string', default: '2' } },
})
const [config] = positionals
const binary = process.env.MODELGATE ?? join(import.meta.dirname, '../target/debug/modelgate')
const dist = join(import.meta.dirname, 'dist')
const policies = values.policies === undefined ? [] : ['--policies', values.policies]

const old = values.policies === undefined ? [] : ['--old-policies', values.policies]

const HEADERS = {
  'content-security-policy': "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; object-src 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'x-frame-options': 'DENY',
}
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' }

/** The output of the command. Its status says yes or no, which the output says too. */
function command(...args) {
  return new Promise((resolve, reject) => {
    execFile(binary, args, { maxBuffer: 1 << 30 }, (error, out, said) => (out === '' && error ? reject(new Error(said)) : resolve(out)))
  })
}

const answers = new Map()

/** Large configurations take a while, and stay as they are. */
function cached(...args) {
  const key = args.join(' ')
  if (!answers.has(key)) answers.set(key, command(...args))
  return answers.get(key)
}

const streams = new Set()
const recent = []
let made = 0
let generation = 1

function decision() {
  made += 1
  const isDenied = made % 5 === 0
  return {
    id: `mock-${made}`,
    at: new Date().toISOString(),
    verdict: isDenied ? 'denied' : 'allowed',
    rule: isDenied ? 'R2.model' : null,
    reason: null,
    code: null,
    caller: { subject: `user-${made % 7}`, issuer: null, user_id: null, role: null, team: null, master_key: false },
    policies: [],
    shadow: [],
    unenforced: null,
    shadow_config: null,
    roles: [made % 2 ? 'employee' : 'researcher'],
    teams: [],
    models: [made % 3 ? 'gpt-4o' : '<img src=x onerror=alert(1)>'],
    method: 'POST',
    route: '/v1/chat/completions',
    status: isDenied ? 403 : 200,
    latency_ms: (made % 40) / 10,
    generation,
  }
}

function send(event, data) {
  for (const stream of streams) stream.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
}

setInterval(() => {
  const count = Number(values.rate) / 20
  const whole = Math.floor(count) + (Math.random() < count % 1 ? 1 : 0)
  for (let at = 0; at < whole; at += 1) {
    const one = decision()
    recent.unshift(one)
    recent.length = Math.min(recent.length, 200)
    send('decision', one)
  }
}, 50)
if (Number(values.rate) > 200) setInterval(() => send('sampled', { seen: Number(values.rate), sent: 200 }), 1000)

function sources() {
  const read = (path, name = path) => ({ name, text: readFileSync(path, 'utf8') })
  const names = values.policies === undefined ? [] : readdirSync(values.policies).filter((name) => name.endsWith('.cedar'))
  return { config: read(config), policies: names.map((name) => read(join(values.policies, name), name)), cases: [] }
}

function metrics() {
  const values = (most) => Array.from({ length: 360 }, (_, at) => Math.round(most * (1 + Math.sin(at / 30)) * 10) / 10)
  const start = new Date(Date.now() - 3_600_000).toISOString()
  const series = { allowed: values(900), denied: values(120), errors: values(2), p50_ms: values(1), p99_ms: values(6) }
  return { interval_seconds: 10, start, series, denied_by_rule: { 'R2.model': 812, 'R6.blocked': 3 }, denied_by_model: { 'gpt-4o': 640 }, shadow: { policies: 0, config: 0, unenforced: 0 } }
}

/** The draft as files, for the command. */
async function withDraft({ config: text, policies: files }, then) {
  const directory = mkdtempSync(join(tmpdir(), 'console-'))
  try {
    writeFileSync(join(directory, 'config.yaml'), text)
    const args = [join(directory, 'config.yaml'), '--policies', directory]
    for (const file of files) writeFileSync(join(directory, basename(file.name)), file.text)
    return JSON.parse(await then(args))
  } finally {
    rmSync(directory, { recursive: true })
  }
}

async function explain({ claims, id, method = 'POST', path, body }) {
  const args = ['explain', config, ...policies, '--format', 'json', '--claims', JSON.stringify(claims ?? { sub: id ?? 'nobody' })]
  args.push('--method', method, '--path', path ?? '/v1/chat/completions')
  if (typeof body?.model === 'string') args.push('--model', body.model)
  return { ...JSON.parse(await command(...args)), sources: [] }
}

const API = {
  'GET snapshot': () => ({
    generation,
    hash: 'mock'.repeat(8),
    version: '0.1.0',
    mode: 'enforce',
    solver: false,
    keys: [{ issuer: 'https://login.example.com', url: 'https://login.example.com/jwks', keys: 2, age_seconds: 95 }],
    deployments: [{ model: 'gpt-4o', deployment: 'gpt-4o#0', host: 'api.openai.com', cooling_down_seconds: null, succeeded: 12, failed: 0 }],
    reloads_recent: [{ at: new Date().toISOString(), outcome: 'loaded', generation, hash: 'mock', changes: [] }],
  }),
  'GET access': async (_, query) => {
    const model = query.get('model')
    const found = JSON.parse(await cached('access', config, ...policies, '--format', 'json', ...(model ? ['--model', model] : [])))
    return { ...found, total: found.callers.length }
  },
  'GET decisions': () => ({ decisions: recent, next: null }),
  'GET sources': sources,
  'GET metrics/recent': metrics,
  'POST explain': explain,
  'POST check': (body) => withDraft(body, (args) => command('check', ...args, '--format', 'json')),
  'POST diff': (body) => withDraft(body, ([file, , directory]) => command('diff', config, file, ...old, '--new-policies', directory, '--format', 'json')),
}

async function answer(request, response) {
  const url = new URL(request.url, 'http://localhost')
  for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value)
  if (!url.pathname.startsWith('/api/v1/')) return file(url.pathname, response)
  const name = url.pathname.slice('/api/v1/'.length)
  if (name === 'decisions' && request.headers.accept === 'text/event-stream') {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(': open\n\n')
    streams.add(response)
    request.on('close', () => streams.delete(response))
    return undefined
  }
  let body = ''
  for await (const part of request) body += part
  const handler = API[`${request.method} ${name}`]
  const [status, found] = handler === undefined ? [404, { error: 'no such route' }] : [200, await handler(body && JSON.parse(body), url.searchParams)]
  response.writeHead(status, { 'content-type': 'application/json' })
  return response.end(JSON.stringify(found))
}

function file(path, response) {
  const name = normalize(path === '/' ? '/index.html' : path)
  try {
    const content = readFileSync(join(dist, name))
    response.writeHead(200, { 'content-type': TYPES[extname(name)] ?? 'application/octet-stream' })
    response.end(content)
  } catch {
    response.writeHead(404).end()
  }
}

const server = createServer((request, response) => {
  answer(request, response).catch((error) => response.writeHead(400).end(JSON.stringify({ error: error.message })))
})
server.listen(Number(values.port), '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}/`))
// A reload, for the console to notice.
process.on('SIGHUP', () => {
  generation += 1
  answers.clear()
  send('reload', { outcome: 'loaded', generation })
})
