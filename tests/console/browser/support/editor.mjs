// The editor of the playground, which stands in a shadow root.

export const editor = (page) => page.getByRole('textbox', { name: /^Contents of/ })

/** Selects some text in the editor, and types over it. */
export async function replace(page, old, next) {
  await editor(page).locator('.cm-line').filter({ hasText: old }).first().waitFor()
  await page.evaluate((text) => {
    const root = document.querySelector('.editor').shadowRoot
    const line = [...root.querySelectorAll('.cm-line')].find((one) => one.textContent.includes(text))
    const walker = document.createTreeWalker(line, NodeFilter.SHOW_TEXT)
    const [start, end] = [line.textContent.indexOf(text), line.textContent.indexOf(text) + text.length]
    const range = document.createRange()
    let at = 0
    while (walker.nextNode()) {
      const node = walker.currentNode
      if (at <= start && start <= at + node.length) range.setStart(node, start - at)
      if (at <= end && end <= at + node.length) {
        range.setEnd(node, end - at)
        break
      }
      at += node.length
    }
    root.querySelector('.cm-content').focus()
    const selection = getSelection()
    selection.removeAllRanges()
    selection.addRange(range)
  }, old)
  await page.keyboard.insertText(next)
}
