// Names of models, claims and lines of logs are hostile text. Each place that shows them shows text.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { launch, open } from './support/browser.mjs'
import { HOSTILE, hostile } from './support/configs.mjs'
import { Gateway } from './support/gateway.mjs'

let gateway, browser
before(async () => {
  ;[gateway, browser] = await Promise.all([Gateway.start(hostile()), launch()])
  for (const name of HOSTILE.slice(0, 8)) await gateway.ask({ sub: name, roles: [name] }, name)
})
after(async () => {
  await Promise.all([gateway.stop(), browser.close()])
})

/** Nothing ran, and nothing became an element. */
async function isText(page) {
  const found = await page.evaluate(() => ({
    stolen: window.stolen,
    elements: document.querySelectorAll('#app img, #app script, #app iframe, #app object, #app b').length,
    handlers: [...document.querySelectorAll('#app *')].filter((one) => [...one.attributes].some(({ name }) => name.startsWith('on'))).length,
    links: [...document.querySelectorAll('a')].filter(({ protocol }) => !/^https?:$/.test(protocol)).length,
  }))
  assert.deepEqual(found, { stolen: undefined, elements: 0, handlers: 0, links: 0 })
}

const image = HOSTILE[0]

test('in the table of access, its search and its filters', async () => {
  const { page, close } = await open(browser, gateway.url, { hash: '#/access' })
  await page.getByRole('rowheader', { name: image, exact: true }).waitFor()
  await page.getByRole('rowheader', { name: '__proto__', exact: true }).waitFor()
  await page.getByRole('rowheader', { name: 'invoice‹U+202E›fdp.exe', exact: true }).waitFor()
  await page.getByLabel('Search').fill(image)
  await page.getByText('1 row,').waitFor()
  await isText(page)
  await close()
})

test('in the stories of a caller, a model and an answer', async () => {
  // Wide enough for every column.
  const { page, close } = await open(browser, gateway.url, { hash: '#/access', width: 4800 })
  await page.getByRole('rowheader', { name: image, exact: true }).click()
  await page.getByRole('heading', { name: `Model ${image}` }).waitFor()
  await isText(page)
  await page.getByRole('columnheader', { name: `role ${image}` }).click()
  await page.getByRole('heading', { name: `role ${image}` }).waitFor()
  await isText(page)
  await page.locator('tbody [data-row="0"][data-column="1"]').click()
  await page.getByRole('link', { name: /^Why/ }).first().waitFor()
  await isText(page)
  await close()
})

test('in a CSV, where a spreadsheet would compute', async () => {
  const { page, close } = await open(browser, gateway.url, { hash: '#/access?q=HYPERLINK' })
  await page.getByText('1 row,').waitFor()
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download CSV' }).click()])
  const text = readFileSync(await download.path(), 'utf8')
  assert.ok(text.includes(`"'=HYPERLINK(""http://evil.example"",""x"")"`), text)
  await close()
})

test('in an explanation: claims, models, policies and their reasons', async () => {
  const { page, close } = await open(browser, gateway.url, { hash: '#/why' })
  await page.getByRole('radio', { name: 'Claims' }).check()
  for (const name of HOSTILE) {
    await page.getByRole('textbox', { name: 'Claims, as JSON' }).fill(JSON.stringify({ sub: name, roles: [name] }))
    await page.getByRole('textbox', { name: 'Body, as JSON' }).fill(JSON.stringify({ model: name }))
    const answered = page.waitForResponse(/explain/)
    await page.getByRole('button', { name: 'Explain' }).click()
    await answered
    await page.locator('.outcome').waitFor()
    await isText(page)
  }
  await close()
})

test('in an error of the gateway', async () => {
  const { page, close } = await open(browser, gateway.url, { hash: `#/why?id=${encodeURIComponent(image)}`, expected: /status of 404/ })
  await page.getByRole('alert').waitFor()
  await isText(page)
  await close()
})

test('in live decisions and counts', async () => {
  const { page, close } = await open(browser, gateway.url, { hash: '#/live' })
  await page.getByText('every decision is shown').waitFor()
  await page.getByRole('gridcell', { name: image, exact: true }).first().waitFor()
  await page.locator('.card').filter({ hasText: 'Denials by model' }).getByRole('link').first().waitFor()
  await isText(page)
  await close()
})

test('in the editors, their findings and their names of files', async () => {
  const { page, close } = await open(browser, gateway.url, { hash: '#/playground' })
  await page.getByText('this is what is in force').waitFor()
  await page.getByRole('textbox', { name: /^Contents of/ }).getByText('role_permissions').first().waitFor()
  await isText(page)
  const inside = await page.evaluate(() => document.querySelector('.editor').shadowRoot.querySelectorAll('img:not(.cm-widgetBuffer), script, iframe').length)
  assert.equal(inside, 0)
  await close()
})

test('in the address', async () => {
  const hash = `#/access?q=${encodeURIComponent(image)}&show=cell&caller=${encodeURIComponent(image)}&model=${encodeURIComponent(image)}`
  const { page, close } = await open(browser, gateway.url, { hash })
  await page.getByText('No rule in force names this caller.').waitFor()
  await isText(page)
  await close()
})
