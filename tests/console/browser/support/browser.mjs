// Chromium, and pages that fail the test for anything that a console should not do.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { chromium } from 'playwright-core'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

export async function launch() {
  const sandbox = process.getuid?.() === 0 ? ['--no-sandbox'] : []
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: sandbox })
}

/** Opens a page of the console. `close` fails if the page reported anything but what is `expected`. */
export async function open(browser, url, { hash = '', width = 1280, height = 800, scheme = 'light', expected = null } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme, acceptDownloads: true })
  const page = await context.newPage()
  page.setDefaultTimeout(30_000)
  const faults = []
  page.on('pageerror', (error) => faults.push(`error: ${error.message}`))
  page.on('dialog', (dialog) => {
    faults.push(`dialog: ${dialog.message()}`)
    void dialog.dismiss()
  })
  page.on('console', (message) => {
    const isFault = message.type() === 'error' || message.type() === 'warning'
    if (isFault && expected?.test(message.text()) !== true) faults.push(`${message.type()}: ${message.text()}`)
  })
  page.on('request', (request) => {
    const asked = request.url()
    if (!asked.startsWith(url) && !asked.startsWith('blob:')) faults.push(`a request to ${asked}`)
  })
  await page.addInitScript(() => {
    addEventListener('securitypolicyviolation', (event) => console.error(`CSP: ${event.violatedDirective} ${event.blockedURI}`))
  })
  await page.goto(url + hash)
  const close = async () => {
    await context.close()
    assert.deepEqual(faults, [])
  }
  return { page, faults, close }
}

/** What axe-core finds that is serious. */
export async function seriousFaults(page) {
  const { violations } = await page.evaluate(`${axe}; axe.run(document, { resultTypes: ['violations'] })`)
  const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
  return serious.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).slice(0, 3).join(' ')}`)
}

/** Whether the page can be scrolled sideways, which only its regions may be. */
export function scrollsSideways(page) {
  return page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth)
}

/** The milliseconds that the main thread of each page's process has run (proc_pid_stat(5)). */
export async function mainThreads(browser) {
  const session = await browser.newBrowserCDPSession()
  const { processInfo } = await session.send('SystemInfo.getProcessInfo')
  await session.detach()
  const renderers = processInfo.filter(({ type }) => type === 'renderer')
  return new Map(renderers.map(({ id }) => {
    const fields = readFileSync(`/proc/${id}/task/${id}/stat`, 'utf8').split(') ').at(-1).split(' ')
    const [user, system] = [Number(fields[11]), Number(fields[12])]
    return [id, ((user + system) * 1000) / 100]
  }))
}
