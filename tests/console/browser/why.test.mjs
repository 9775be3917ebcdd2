// Why: a request as a path through the gates.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { launch, open } from './support/browser.mjs'
import { usual } from './support/configs.mjs'
import { Gateway, tokenOf } from './support/gateway.mjs'

let gateway, browser
before(async () => {
  ;[gateway, browser] = await Promise.all([Gateway.start(usual()), launch()])
})
after(async () => {
  await Promise.all([gateway.stop(), browser.close()])
})

async function ask(page, { token, claims, id, model }) {
  const way = token !== undefined ? 'Token' : claims !== undefined ? 'Claims' : 'Request id'
  await page.getByRole('radio', { name: way }).check()
  if (token !== undefined) await page.getByRole('textbox', { name: 'Token' }).fill(token)
  if (claims !== undefined) await page.getByRole('textbox', { name: 'Claims, as JSON' }).fill(JSON.stringify(claims))
  if (id !== undefined) await page.getByRole('textbox', { name: 'Request id' }).fill(id)
  if (model !== undefined) await page.getByRole('textbox', { name: 'Body, as JSON' }).fill(JSON.stringify({ model }))
  await page.getByRole('button', { name: 'Explain' }).click()
}

const gates = async (page) => (await page.locator('.gate h3').allInnerTexts()).map((text) => text.replace(/\s+/g, ' '))

test('claims are explained as a path through the gates', async () => {
  const { page, close } = await open(browser, gateway.url, { hash: '#/why' })
  await ask(page, { claims: { sub: 'ada', roles: ['employee'] }, model: 'claude-sonnet' })
  await page.getByText('Denied (403)').waitFor()
  assert.deepEqual(await gates(page), ['Token ✓ open', 'Caller ✓ open', 'Request ✓ open', 'Grants ✕ closed', 'Mandatory checks ✓ open'])
  await page.getByText('The claims were given, not verified.').waitFor()
  await close()
})

test('a denial names its rule, the lines to change, and who may', async () => {
  const { page, close } = await open(browser, gateway.url, { hash: '#/why' })
  await ask(page, { claims: { sub: 'ada', roles: ['employee'] }, model: 'claude-sonnet' })
  const outcome = page.locator('.outcome')
  await outcome.getByText('R2.model', { exact: true }).waitFor()
  await outcome.getByText('The smallest change').waitFor()
  await outcome.getByText('models: ["gpt-4o-mini", "claude-haiku"]').waitFor()
  await outcome.getByText('role researcher').waitFor()
  await close()
})

test('a policy that denies is shown with its lines', async () => {
  const { page, close } = await open(browser, gateway.url, { hash: '#/why' })
  await ask(page, { claims: { sub: 'kim', roles: ['contractor'] }, model: 'gpt-4o-mini' })
  const outcome = page.locator('.outcome')
  await outcome.getByText("contractors work from the company's network", { exact: true }).waitFor()
  await outcome.getByText('unless { context has source').waitFor()
  assert.equal((await gates(page)).at(-1), 'Mandatory checks ✕ closed')
  await close()
})

test('a token is verified, and stays out of the address', async () => {
  const { page, close } = await open(browser, gateway.url, { hash: '#/why' })
  await ask(page, { token: tokenOf({ sub: 'ada', roles: ['employee'] }), model: 'gpt-4o-mini' })
  await page.getByRole('heading', { name: 'Allowed' }).waitFor()
  await page.getByText('The token is verified.').waitFor()
  assert.ok(!page.url().includes('eyJ'), page.url())
  await close()
})

test('a refused token ends at the first gate, with what it presented', async () => {
  const { page, close } = await open(browser, gateway.url, { hash: '#/why' })
  await ask(page, { token: tokenOf({ sub: 'ada', roles: ['employee'] }, { expired: true }), model: 'gpt-4o-mini' })
  await page.getByText('Denied (401)').waitFor()
  assert.equal((await gates(page))[0], 'Token ✕ closed')
  assert.ok((await gates(page)).slice(1).every((gate) => gate.endsWith('not reached')))
  await page.getByText('"https://login.example"').waitFor()
  await close()
})

test('a request id of the decision log is explained', async () => {
  const { page, close } = await open(browser, gateway.url, { hash: '#/why' })
  const { status, id } = await gateway.ask({ sub: 'ada', roles: ['employee'] }, 'claude-sonnet')
  assert.equal(status, 403)
  await ask(page, { id })
  await page.getByText('Denied (403)').waitFor()
  await page.locator('.outcome').getByText('R2.model', { exact: true }).waitFor()
  await close()
})

test('what is wrong with the form is said before anything is asked', async () => {
  const { page, close } = await open(browser, gateway.url, { hash: '#/why' })
  await page.getByRole('button', { name: 'Explain' }).click()
  await page.getByRole('alert').getByText('Paste a token.').waitFor()
  await page.getByRole('radio', { name: 'Claims' }).check()
  await page.getByRole('textbox', { name: 'Claims, as JSON' }).fill('{"sub": ')
  await page.getByRole('button', { name: 'Explain' }).click()
  await page.getByRole('alert').getByText('The claims are not JSON').waitFor()
  await close()
})
