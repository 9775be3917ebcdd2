// Each page, light and dark, narrow and wide, by axe-core and by its screenshots.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { launch, open, scrollsSideways, seriousFaults } from './support/browser.mjs'
import { changed, usual } from './support/configs.mjs'
import { replace } from './support/editor.mjs'
import { Gateway } from './support/gateway.mjs'

const pictures = join(import.meta.dirname, '../../../docs/console')

let gateway, browser
before(async () => {
  ;[gateway, browser] = await Promise.all([Gateway.start(usual()), launch()])
  const callers = [['ada', 'employee'], ['emmy', 'researcher'], ['kim', 'contractor']]
  for (const model of ['gpt-4o-mini', 'claude-sonnet', 'gpt-4o', 'claude-haiku']) {
    for (const [sub, role] of callers) await gateway.ask({ sub, roles: [role] }, model)
  }
  gateway.write({ 'config.yaml': changed()['config.yaml'] })
  while ((await (await gateway.api('snapshot')).json()).generation < 2) await new Promise((resolve) => setTimeout(resolve, 25))
})
after(async () => {
  await Promise.all([gateway.stop(), browser.close()])
})

const why = new URLSearchParams({ claims: '{"sub":"ada","roles":["employee"]}', method: 'POST', path: '/v1/chat/completions', body: '{"model":"claude-sonnet"}' })
const story = new URLSearchParams({ show: 'cell', caller: 'role contractor', model: 'gpt-4o-mini' })

/** An edit, with who gains by it. */
function gains(page) {
  const found = page.getByRole('region', { name: 'Results' }).getByText('gains').first()
  const waitFor = async () => {
    await page.getByText('this is what is in force').waitFor()
    await replace(page, '"gpt-4o"]', '"gpt-4o", "claude-sonnet"]')
    await found.waitFor()
  }
  return { waitFor }
}

/** The pages with what is there when each is complete. */
const PAGES = {
  access: [`#/access?${story}`, (page) => page.getByText('@id("office-network")').first()],
  why: [`#/why?${why}`, (page) => page.getByText('Tokens that may:')],
  live: ['#/live', (page) => page.locator('.plot canvas').nth(1)],
  playground: ['#/playground', gains],
}

for (const [name, [hash, complete]] of Object.entries(PAGES)) {
  for (const scheme of ['light', 'dark']) {
    test(`${name} has no serious fault of access in ${scheme} colours`, async () => {
      const { page, close } = await open(browser, gateway.url, { hash, scheme })
      await complete(page).waitFor()
      assert.deepEqual(await seriousFaults(page), [])
      await page.screenshot({ path: join(pictures, `${name}-${scheme}.png`) })
      await close()
    })
  }
  for (const width of [320, 2560]) {
    test(`${name} fits ${width} pixels`, async () => {
      const { page, close } = await open(browser, gateway.url, { hash, width, height: width === 320 ? 640 : 1400 })
      await complete(page).waitFor()
      assert.equal(await scrollsSideways(page), false)
      assert.deepEqual(await seriousFaults(page), [])
      await close()
    })
  }
}
