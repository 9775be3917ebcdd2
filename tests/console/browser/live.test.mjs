// Live: decisions as they are made.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { launch, open } from './support/browser.mjs'
import { usual } from './support/configs.mjs'
import { Gateway } from './support/gateway.mjs'

let gateway, browser
before(async () => {
  ;[gateway, browser] = await Promise.all([Gateway.start(usual()), launch()])
})
after(async () => {
  await Promise.all([gateway.stop(), browser.close()])
})

const employee = (sub) => ({ sub, roles: ['employee'] })
const isLive = (page) => page.getByText('every decision is shown').waitFor()
const rows = (page) => page.locator('.live tbody tr:not(.space)')

test('a decision appears when it is made, and leads to why', async () => {
  const { page, close } = await open(browser, gateway.url, { hash: '#/live' })
  await isLive(page)
  await gateway.ask(employee('appears'), 'claude-sonnet')
  const row = rows(page).filter({ hasText: 'appears' })
  await row.getByText('denied').waitFor()
  await row.getByText('R2.model').waitFor()
  await row.getByText('denied').click()
  await page.getByText('Denied (403)').waitFor()
  assert.match(page.url(), /#\/why\?id=/)
  await close()
})

test('filters show some decisions alone', async () => {
  const { page, close } = await open(browser, gateway.url, { hash: '#/live?model=gpt-4o' })
  await isLive(page)
  await gateway.ask(employee('other-model'), 'gpt-4o-mini')
  await gateway.ask(employee('this-model'), 'gpt-4o')
  await rows(page).filter({ hasText: 'this-model' }).waitFor()
  assert.equal(await rows(page).filter({ hasText: 'other-model' }).count(), 0)
  await page.getByLabel('Verdict').selectOption('allowed')
  await page.getByText('No decision yet.').waitFor()
  await close()
})

test('a pause holds the list still', async () => {
  const { page, close } = await open(browser, gateway.url, { hash: '#/live' })
  await isLive(page)
  await page.getByRole('button', { name: 'Pause' }).click()
  await gateway.ask(employee('while-paused'), 'gpt-4o-mini')
  assert.equal(await rows(page).filter({ hasText: 'while-paused' }).count(), 0)
  await page.getByRole('button', { name: 'Go on' }).click()
  await rows(page).filter({ hasText: 'while-paused' }).waitFor()
  await close()
})

test('under 500 decisions a second the page stays quick, bounded, and says that it samples', async (t) => {
  const { page, close } = await open(browser, gateway.url, { hash: '#/live' })
  await isLive(page)
  const flood = gateway.flood(employee('many'), 'gpt-4o-mini', 500)
  t.after(() => flood.stop())
  const sampled = page.getByText(/sampled: \d+ of \d+ decisions/)
  await sampled.waitFor()
  const [, sent, seen] = /(\d+) of (\d+)/.exec(await sampled.innerText())
  assert.ok(Number(sent) < Number(seen) && Number(seen) > 200, `${sent} of ${seen}`)
  // The keyboard is answered between the drawings.
  const delay = await page.evaluate(async () => {
    let longest = 0
    for (let at = 0; at < 40; at += 1) {
      const before = performance.now()
      await new Promise((resolve) => setTimeout(resolve, 25))
      longest = Math.max(longest, performance.now() - before - 25)
    }
    return longest
  })
  assert.ok(delay < 400, `the page did not answer for ${delay} ms`)
  assert.ok((await rows(page).count()) < 80)
  const answered = await flood.stop()
  assert.ok(answered.perSecond > 200, `${answered.perSecond} decisions a second`)
  assert.ok(Number(await page.getByRole('grid').getAttribute('aria-rowcount')) <= 501)
  await isLive(page)
  await close()
})

test('rates, denials, keys, deployments and reloads are shown', async () => {
  await gateway.ask(employee('counted'), 'claude-sonnet')
  const { page, close } = await open(browser, gateway.url, { hash: '#/live' })
  await page.getByRole('img', { name: /Requests per second in the last hour/ }).waitFor()
  await page.getByRole('img', { name: /Latency, in milliseconds in the last hour/ }).waitFor()
  await page.locator('.card').filter({ hasText: 'Denials by rule' }).getByRole('link', { name: 'R2.model' }).waitFor()
  await page.locator('.card').filter({ hasText: 'Denials by model' }).getByRole('link', { name: 'claude-sonnet' }).waitFor()
  await page.locator('.card').filter({ hasText: 'Keys of tokens' }).getByText('1 key').waitFor()
  await page.locator('.card').filter({ hasText: 'Deployments' }).getByText('gpt-4o-mini').first().waitFor()
  await page.getByRole('heading', { name: 'Reloads' }).waitFor()
  await close()
})
