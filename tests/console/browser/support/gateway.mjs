// A real gateway on free ports, with its keys, its upstream and its callers.

import { spawn } from 'node:child_process'
import { createSign, generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { Agent, createServer, request } from 'node:http'
import { createServer as createTcp } from 'node:net'
import { dirname, join, resolve } from 'node:path'
import { directoryOf } from './configs.mjs'

const binary = resolve(process.env.MODELGATE ?? join(import.meta.dirname, '../../../../target/debug/modelgate'))
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })

export const MASTER_KEY = 'sk-secret-of-the-console-tests'

/** A token with these claims. */
export function tokenOf(claims, { expired = false } = {}) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const now = Math.floor(Date.now() / 1000)
  const times = expired ? { iat: now - 7200, exp: now - 3600 } : { iat: now - 5, exp: now + 3600 }
  const signed = `${part({ alg: 'RS256', kid: 'one', typ: 'JWT' })}.${part({ iss: 'https://login.example', aud: 'llm', ...times, ...claims })}`
  return `${signed}.${createSign('RSA-SHA256').update(signed).sign(privateKey, 'base64url')}`
}

async function freePort() {
  const server = createTcp().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}

async function startUpstream() {
  const answer = JSON.stringify({ object: 'chat.completion', choices: [{ index: 0, message: { role: 'assistant', content: 'yes' }, finish_reason: 'stop' }] })
  const server = createServer((asked, response) => {
    asked.resume()
    asked.on('end', () => response.writeHead(200, { 'content-type': 'application/json' }).end(answer))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

export class Gateway {
  /** Starts a gateway on files, as `configs.mjs` makes them. */
  static async start(files, { settings = '' } = {}) {
    const gateway = new Gateway()
    gateway.settings = settings
    gateway.directory = directoryOf({ ...gateway.#withSettings(files), 'jwks.json': JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'one', alg: 'RS256', use: 'sig' }] }) })
    gateway.upstream = await startUpstream()
    gateway.port = await freePort()
    gateway.admin = await freePort()
    await gateway.run()
    return gateway
  }

  get url() {
    return `http://127.0.0.1:${this.admin}/`
  }

  async run() {
    const env = {
      PATH: process.env.PATH,
      UPSTREAM_URL: `http://127.0.0.1:${this.upstream.address().port}/v1`,
      UPSTREAM_KEY: 'sk-upstream-secret',
      MASTER_KEY,
      JWT_PUBLIC_KEY_URL: `file:${join(this.directory, 'jwks.json')}`,
      JWT_AUDIENCE: 'llm',
      JWT_ISSUER: 'https://login.example',
    }
    const args = ['serve', '--config', 'config.yaml', '--listen', `127.0.0.1:${this.port}`, '--admin', `127.0.0.1:${this.admin}`]
    this.process = spawn(binary, args, { cwd: this.directory, env, stdio: ['ignore', 'ignore', 'pipe'] })
    this.said = ''
    this.process.stderr.on('data', (text) => (this.said += text))
    this.ended = once(this.process, 'exit')
    while (!(await this.#isReady())) {
      if (this.process.exitCode !== null) throw new Error(`the gateway does not start:\n${this.said}`)
      await new Promise((resolve) => setTimeout(resolve, 25))
    }
  }

  async #isReady() {
    return fetch(`${this.url}health/readiness`).then(({ ok }) => ok, () => false)
  }

  /** Replaces files at once, as an editor does. The gateway sees it by itself. */
  write(files) {
    for (const [name, text] of Object.entries(this.#withSettings(files))) {
      const path = join(this.directory, name)
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(`${path}.new`, text)
      renameSync(`${path}.new`, path)
    }
  }

  #withSettings(files) {
    return 'config.yaml' in files ? { ...files, 'config.yaml': files['config.yaml'] + this.settings } : files
  }

  async ask(claims, model, path = '/v1/chat/completions') {
    const answer = await fetch(`http://127.0.0.1:${this.port}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${tokenOf(claims)}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model, messages: [] }),
    })
    await answer.arrayBuffer()
    return { status: answer.status, id: answer.headers.get('x-request-id') }
  }

  /** Sends so many requests a second until it is stopped. */
  flood(claims, model, perSecond) {
    const agent = new Agent({ keepAlive: true, maxSockets: 64 })
    const body = JSON.stringify({ model, messages: [] })
    const headers = { authorization: `Bearer ${tokenOf(claims)}`, 'content-type': 'application/json', 'content-length': body.length }
    const [begun, every] = [Date.now(), 20]
    let [answered, sent, ended] = [0, 0, 0]
    const send = () => {
      const options = { agent, headers, method: 'POST', port: this.port, host: '127.0.0.1', path: '/v1/chat/completions' }
      const asked = request(options, (answer) => answer.resume().on('end', () => (answered += 1)))
      asked.on('error', () => undefined)
      asked.end(body)
    }
    const timer = setInterval(() => {
      const due = ((Date.now() - begun) / 1000) * perSecond
      // A machine that is too slow for all of them is not asked for more at once.
      while (sent < due && sent - answered < 200) {
        sent += 1
        send()
      }
    }, every)
    const stop = () => {
      clearInterval(timer)
      ended ||= Date.now()
      agent.destroy()
      return { perSecond: answered / ((ended - begun) / 1000) }
    }
    return { stop }
  }

  async api(path, options = {}) {
    return fetch(`${this.url}api/v1/${path}`, options)
  }

  /** Ends the process, and nothing else. */
  async kill() {
    this.process.kill('SIGKILL')
    await this.ended
  }

  async stop() {
    await this.kill()
    this.upstream.closeAllConnections()
    this.upstream.close()
  }
}
