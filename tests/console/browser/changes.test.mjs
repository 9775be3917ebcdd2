// What happens while the console is open: reloads, a restart, a credential.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { launch, open } from './support/browser.mjs'
import { changed, usual } from './support/configs.mjs'
import { Gateway } from './support/gateway.mjs'

let gateway, browser
before(async () => {
  ;[gateway, browser] = await Promise.all([Gateway.start(usual()), launch()])
})
after(async () => {
  await Promise.all([gateway.stop(), browser.close()])
})

const answer = (page) => page.locator('.outcome h2').innerText()
const ofAda = new URLSearchParams({ claims: '{"sub":"ada","roles":["employee"]}', method: 'POST', path: '/v1/chat/completions', body: '{"model":"gpt-4o"}' })

test('a reload while it is open is said, and what is shown follows', async () => {
  const why = await open(browser, gateway.url, { hash: `#/why?${ofAda}` })
  const live = await open(browser, gateway.url, { hash: '#/live' })
  await why.page.getByText('Denied (403)').waitFor()
  await live.page.getByText('every decision is shown').waitFor()
  gateway.write({ 'config.yaml': changed()['config.yaml'] })
  await why.page.getByRole('status').getByText(/The configuration was reloaded: generation \d+ is in force/).waitFor()
  await why.page.getByRole('heading', { name: 'Allowed' }).waitFor()
  assert.match(await answer(why.page), /Allowed/)
  const reloads = live.page.locator('.card').filter({ has: live.page.getByRole('heading', { name: 'Reloads' }) })
  await reloads.getByText(/generation \d+/).first().waitFor()
  await reloads.getByText('config.yaml').first().waitFor()
  gateway.write({ 'config.yaml': usual()['config.yaml'] })
  await why.page.getByText('Denied (403)').waitFor()
  await why.close()
  await live.close()
})

test('a reload that is refused is shown with what is wrong', async () => {
  const { page, close } = await open(browser, gateway.url, { hash: '#/live' })
  await page.getByText('every decision is shown').waitFor()
  gateway.write({ 'config.yaml': 'general_settings: [\n' })
  await page.getByText(/refused, generation \d+ stays/).waitFor()
  gateway.write({ 'config.yaml': usual()['config.yaml'] })
  await close()
})

test('edits in the playground survive a reload', async () => {
  const { page, close } = await open(browser, gateway.url, { hash: '#/playground' })
  await page.getByText('this is what is in force').waitFor()
  await page.getByRole('button', { name: 'New policy' }).click()
  await page.getByRole('combobox', { name: 'File' }).getByText('new-1.cedar').waitFor({ state: 'attached' })
  gateway.write({ 'config.yaml': changed()['config.yaml'] })
  await page.getByText('What is in force has changed since you began.').waitFor()
  assert.equal(await page.getByRole('combobox', { name: 'File' }).inputValue(), 'new-1.cedar')
  gateway.write({ 'config.yaml': usual()['config.yaml'] })
  await close()
})

test('when the gateway restarts, the console says so and comes back by itself', async () => {
  const { page, close } = await open(browser, gateway.url, { hash: '#/live', expected: /net::ERR/ })
  await page.getByText('every decision is shown').waitFor()
  await gateway.kill()
  await page.getByText('not connected').waitFor()
  await page.getByRole('status').getByText('The gateway does not answer. Trying again.').waitFor()
  await gateway.run()
  await page.getByText('The gateway answers again.').waitFor()
  await page.getByText('every decision is shown').waitFor()
  await gateway.ask({ sub: 'after-restart', roles: ['employee'] }, 'gpt-4o-mini')
  await page.locator('.live tbody').getByText('after-restart').waitFor()
  await close()
})

test('a credential is asked for, kept in the tab, and asked for again if it is wrong', async (t) => {
  const guarded = await Gateway.start(usual(), { settings: '  admin_auth:\n    token: a-credential-of-operators\n' })
  t.after(() => guarded.stop())
  const { page, close } = await open(browser, guarded.url, { hash: '#/access', expected: /status of 401/ })
  const field = page.getByLabel('Token')
  await field.fill('a wrong one')
  await page.getByRole('button', { name: 'Continue' }).click()
  await page.getByRole('alert').getByText('The credential was not accepted.').waitFor()
  await field.fill('a-credential-of-operators')
  await page.keyboard.press('Enter')
  await page.getByRole('rowheader', { name: 'gpt-4o-mini' }).waitFor()
  await page.reload()
  await page.getByRole('rowheader', { name: 'gpt-4o-mini' }).waitFor()
  await page.getByRole('link', { name: 'Live' }).click()
  await page.getByText('every decision is shown').waitFor()
  assert.ok(!page.url().includes('credential'))
  await close()
})
