// Playground: changes that change nothing.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { launch, open } from './support/browser.mjs'
import { usual } from './support/configs.mjs'
import { editor, replace } from './support/editor.mjs'
import { Gateway } from './support/gateway.mjs'

// The browser reports the status of each answer that says what is wrong.
const INVALID = /status of 422/
const SECRET = 'sk-a-secret-in-the-file'

let gateway, browser
before(async () => {
  ;[gateway, browser] = await Promise.all([Gateway.start(withSecret()), launch()])
})
after(async () => {
  await Promise.all([gateway.stop(), browser.close()])
})

function withSecret() {
  const files = usual()
  const config = files['config.yaml'].replace('os.environ/UPSTREAM_KEY', SECRET)
  return { ...files, 'config.yaml': config }
}

const isQuiet = (page) => page.getByText('this is what is in force').waitFor()

test('the editors show what is in force, with secrets replaced', async () => {
  const { page, close } = await open(browser, gateway.url, { hash: '#/playground' })
  await isQuiet(page)
  await editor(page).getByText('role_permissions').first().waitFor()
  assert.match(await editor(page).innerText(), /api_key: "?<secret>/)
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download all' }).click()])
  const archive = readFileSync(await download.path(), 'latin1')
  assert.ok(archive.includes('config.yaml') && archive.includes('network.cedar') && archive.includes('cases.yaml'))
  assert.ok(!archive.includes(SECRET))
  await close()
})

test('a change shows at once who gains', async () => {
  const { page, close } = await open(browser, gateway.url, { hash: '#/playground' })
  await isQuiet(page)
  await replace(page, '"claude-haiku"]', '"claude-haiku", "gpt-4o"]')
  await page.getByText(/valid; \d+ change/).waitFor()
  const results = page.getByRole('region', { name: 'Results' })
  await results.getByRole('heading', { name: 'role employee', exact: true }).waitFor()
  await results.getByText('gains').first().waitFor()
  await close()
})

test('a change shows at once which cases fail', async () => {
  const { page, close } = await open(browser, gateway.url, { hash: '#/playground' })
  await isQuiet(page)
  await replace(page, '"claude-haiku"]', '"claude-sonnet"]')
  await page.getByText('1 of 2 cases fail').waitFor()
  await page.getByText('employees do not use the large one').waitFor()
  await close()
})

test('an error is marked at its place, and a click leads there', async () => {
  const { page, close } = await open(browser, gateway.url, { hash: '#/playground', expected: INVALID })
  await isQuiet(page)
  await replace(page, 'role_permissions:', 'role_permission:')
  await page.getByText('not valid: it would not be put in force').waitFor()
  await editor(page).locator('.cm-lintRange-error').filter({ hasText: 'role_permission' }).waitFor()
  await page.getByRole('region', { name: 'Results' }).getByRole('button', { name: /config\.yaml:\d+/ }).first().click()
  const line = await page.evaluate(() => document.querySelector('.editor').shadowRoot.querySelector('.cm-activeLine').textContent)
  assert.match(line, /role_permission:/)
  await close()
})

test('an error in a policy is marked in the policy', async () => {
  const { page, close } = await open(browser, gateway.url, { hash: '#/playground', expected: INVALID })
  await isQuiet(page)
  await page.getByRole('combobox', { name: 'File' }).selectOption({ label: 'network.cedar' })
  await replace(page, 'context has source', 'context has')
  await page.getByText('not valid: it would not be put in force').waitFor()
  await page.getByRole('region', { name: 'Results' }).getByRole('button', { name: /network\.cedar:\d+/ }).first().waitFor()
  await editor(page).locator('.cm-lintRange-error').first().waitFor()
  await close()
})

test('keys are completed by the schema', async () => {
  const { page, close } = await open(browser, gateway.url, { hash: '#/playground' })
  await isQuiet(page)
  await replace(page, '  policies: policies', '  policies: policies\n  decision_')
  await page.keyboard.press('Control+Space')
  await page.getByRole('option', { name: 'decision_log' }).waitFor()
  await close()
})

test('nothing that is done here changes what is in force', async () => {
  const before = await (await gateway.api('snapshot')).json()
  const text = readFileSync(`${gateway.directory}/config.yaml`, 'utf8')
  const { page, close } = await open(browser, gateway.url, { hash: '#/playground' })
  await isQuiet(page)
  await replace(page, '"claude-haiku"]', '"*"]')
  await page.getByText(/valid; \d+ change/).waitFor()
  const after = await (await gateway.api('snapshot')).json()
  assert.deepEqual([after.generation, after.hash], [before.generation, before.hash])
  assert.equal(readFileSync(`${gateway.directory}/config.yaml`, 'utf8'), text)
  assert.equal((await gateway.ask({ sub: 'ada', roles: ['employee'] }, 'claude-sonnet')).status, 403)
  await page.getByRole('button', { name: 'Back to what is in force' }).click()
  await isQuiet(page)
  await close()
})
