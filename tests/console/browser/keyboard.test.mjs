// Each page by the keyboard alone.

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

/** Presses Tab until the element has the focus. A person sees where it is at each stop. */
async function tabTo(page, locator) {
  for (let at = 0; at < 60; at += 1) {
    await page.keyboard.press('Tab')
    const isSeen = await page.evaluate(() => {
      let focused = document.activeElement
      while (focused?.shadowRoot?.activeElement) focused = focused.shadowRoot.activeElement
      if (focused === document.body) return true
      const isMarked = (one) => one !== null && getComputedStyle(one).outlineStyle !== 'none'
      return isMarked(focused) || isMarked(focused.querySelector('.active')) || isMarked(document.querySelector('.editor:focus-within'))
    })
    assert.ok(isSeen, `the focus is not visible on ${await page.evaluate(() => document.activeElement?.outerHTML.slice(0, 120))}`)
    if (await locator.evaluate((element) => element === element.getRootNode().activeElement)) return
  }
  assert.fail('Tab does not lead there')
}

test('the first stop skips to the page', async () => {
  const { page, close } = await open(browser, gateway.url, { hash: '#/access' })
  await page.getByRole('grid').waitFor()
  await page.keyboard.press('Tab')
  await page.keyboard.press('Enter')
  assert.equal(await page.evaluate(() => document.activeElement?.id), 'main')
  await close()
})

test('access: the arrows move in the table, Enter opens a story, Escape closes it', async () => {
  const { page, close } = await open(browser, gateway.url, { hash: '#/access' })
  await page.getByRole('grid').waitFor()
  await tabTo(page, page.getByRole('grid'))
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('ArrowRight')
  await page.keyboard.press('Enter')
  await page.getByRole('region', { name: /^role contractor: / }).waitFor()
  assert.equal(await page.evaluate(() => document.activeElement?.tagName), 'H2')
  await page.keyboard.press('Escape')
  await page.locator('.panel').waitFor({ state: 'detached' })
  assert.equal(await page.evaluate(() => document.activeElement?.getAttribute('role')), 'grid')
  await page.keyboard.press('ArrowUp')
  await page.keyboard.press('ArrowUp')
  await page.keyboard.press('Enter')
  await page.getByRole('region', { name: 'role contractor' }).waitFor()
  await close()
})

test('why: the form is filled and sent', async () => {
  const { page, close } = await open(browser, gateway.url, { hash: '#/why' })
  await tabTo(page, page.getByRole('radio', { name: 'Token' }))
  await page.keyboard.press('ArrowRight')
  const claims = page.getByRole('textbox', { name: 'Claims, as JSON' })
  await tabTo(page, claims)
  await page.keyboard.press('Control+A')
  await page.keyboard.type('{"sub": "ada", "roles": ["employee"]}')
  await tabTo(page, page.getByRole('textbox', { name: 'Body, as JSON' }))
  await page.keyboard.press('Control+A')
  await page.keyboard.type('{"model": "gpt-4o-mini"}')
  await tabTo(page, page.getByRole('button', { name: 'Explain' }))
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Allowed' }).waitFor()
  await close()
})

test('live: Enter on a decision shows why', async () => {
  const { page, close } = await open(browser, gateway.url, { hash: '#/live' })
  await page.getByText('every decision is shown').waitFor()
  await gateway.ask({ sub: 'ada', roles: ['employee'] }, 'claude-sonnet')
  await page.locator('.live tbody').getByText('denied').first().waitFor()
  await tabTo(page, page.getByRole('grid'))
  await page.keyboard.press('Enter')
  await page.getByText('Denied (403)').waitFor()
  await close()
})

test('playground: one types in the editor, and Tab leaves it', async () => {
  const { page, close } = await open(browser, gateway.url, { hash: '#/playground' })
  await page.getByText('this is what is in force').waitFor()
  await tabTo(page, page.getByRole('textbox', { name: /^Contents of/ }))
  await page.keyboard.press('Control+End')
  await page.keyboard.type('# a comment that is typed quickly')
  await page.getByText('# a comment that is typed quickly').waitFor()
  await page.getByText('valid; nobody gains or loses anything').waitFor()
  await tabTo(page, page.getByRole('button', { name: 'Download all' }))
  await close()
})
