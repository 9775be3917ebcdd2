// Access: who may use what, by the rules in force.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
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

/** The text where a row and a column meet. */
export async function cell(page, row, column) {
  const at = await page.getByRole('columnheader', { name: column, exact: true }).getAttribute('data-column')
  const line = page.locator('tbody tr').filter({ has: page.getByRole('rowheader', { name: row, exact: true }) })
  return line.locator(`[data-column="${at}"]`)
}

test('a cell says allowed, denied, or by which policy it depends', async () => {
  const { page, close } = await open(browser, gateway.url, { hash: '#/access' })
  const text = async (row, column) => {
    const found = await cell(page, row, column)
    return (await found.innerText()).replace(/\s+/g, ' ').trim()
  }
  await page.getByRole('grid').waitFor()
  assert.equal(await text('gpt-4o-mini', 'role employee'), '✓ allowed')
  assert.equal(await text('gpt-4o', 'role employee'), '✕ denied')
  assert.equal(await text('gpt-4o-mini', 'role contractor'), '◆ if office-network')
  await close()
})

test('a search finds models, and callers if no model has the words', async () => {
  const { page, close } = await open(browser, gateway.url, { hash: '#/access' })
  const search = page.getByRole('searchbox', { name: 'Search' })
  const rows = () => page.locator('tbody tr:not(.space)').count()
  await search.fill('claude-h')
  await page.getByText('1 row,').waitFor()
  assert.equal(await rows(), 1)
  await search.fill('contractor')
  await page.getByText('1 caller.').waitFor()
  assert.equal(await page.getByRole('columnheader').count(), 2)
  await search.fill('nothing has this')
  await page.getByText('Nothing matches the filters.').waitFor()
  await close()
})

test('filters stand in the address, so a link shows the same to somebody else', async () => {
  const first = await open(browser, gateway.url, { hash: '#/access' })
  await first.page.getByLabel('Verdict').selectOption('if')
  await first.page.getByLabel('Search').fill('gpt')
  await first.page.waitForFunction(() => location.hash.includes('q=gpt'))
  const hash = new URL(first.page.url()).hash
  const second = await open(browser, gateway.url, { hash })
  await second.page.getByText('1 row,').waitFor()
  assert.equal(await second.page.getByRole('rowheader').innerText(), 'gpt-4o-mini')
  assert.equal(await second.page.getByLabel('Search').inputValue(), 'gpt')
  await first.close()
  await second.close()
})

test('a click on a column tells the whole story of a caller', async () => {
  const { page, close } = await open(browser, gateway.url, { hash: '#/access' })
  await page.getByRole('columnheader', { name: 'role contractor' }).click()
  const story = page.getByRole('region', { name: 'role contractor' })
  assert.match(await story.getByLabel('Claims').innerText(), /"roles": \[\s*"contractor"/)
  await story.getByText('under a condition').first().waitFor()
  await close()
})

test('a condition is told in words, with its lines of Cedar in place', async () => {
  const { page, close } = await open(browser, gateway.url, { hash: '#/access' })
  const found = await cell(page, 'gpt-4o-mini', 'role contractor')
  await found.click()
  const story = page.getByRole('region', { name: 'role contractor: gpt-4o-mini' })
  await story.getByText('Denied if the policy').first().waitFor()
  await story.getByText('@reason("contractors work from the company\'s network")').first().waitFor()
  await story.getByText('network.cedar:2').first().waitFor()
  await close()
})

test('a click on a row tells who may use the model, and leads to why', async () => {
  const { page, close } = await open(browser, gateway.url, { hash: '#/access' })
  await page.getByRole('rowheader', { name: 'claude-sonnet' }).click()
  const story = page.getByRole('region', { name: 'Model claude-sonnet' })
  assert.equal((await story.getByRole('row').nth(1).innerText()).replace(/\s+/g, ' '), 'role researcher ✓ allowed')
  await story.getByRole('button', { name: 'role employee' }).click()
  await page.getByRole('link', { name: 'Why: /v1/chat/completions' }).click()
  await page.getByText('Denied (403)').waitFor()
  await close()
})

test('rows may be routes', async () => {
  const { page, close } = await open(browser, gateway.url, { hash: '#/access' })
  await page.getByLabel('Rows').selectOption('routes')
  await page.getByLabel('Model', { exact: true }).fill('text-embedding-3-small')
  await page.getByLabel('Model', { exact: true }).press('Enter')
  const header = page.getByRole('rowheader', { name: /^\/v1\/embeddings/ })
  await header.waitFor()
  const found = await cell(page, await header.innerText(), 'role search-service')
  await found.getByText('allowed').waitFor()
  await close()
})

test('CSV has what is shown', async () => {
  const { page, close } = await open(browser, gateway.url, { hash: '#/access?q=gpt-4o-mini' })
  await page.getByText('1 row,').waitFor()
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download CSV' }).click()])
  const lines = readFileSync(await download.path(), 'utf8').trim().split('\n')
  assert.equal(lines[0], 'caller,model,routes,access,conditions')
  assert.ok(lines.some((line) => /^role employee,gpt-4o-mini,.*,allowed,$/.test(line)), lines.join('\n'))
  assert.ok(lines.some((line) => /^role contractor,gpt-4o-mini,.*,if,office-network \[.*network\.cedar:2\]$/.test(line)), lines.join('\n'))
  assert.ok(lines.slice(1).every((line) => line.includes(',gpt-4o-mini,')))
  await close()
})
