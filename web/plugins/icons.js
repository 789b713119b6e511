import { readFileSync } from 'node:fs'

const SOURCE = 'src/assets/icons.svg'

/**
 * Puts the icon symbols into the page itself, so that no icon waits for a second request.
 * @returns {import('vite').Plugin}
 */
export function icons() {
  return {
    name: 'kaif-icons',
    transformIndexHtml(html) {
      const symbols = readFileSync(SOURCE, 'utf8').match(/<symbol[\s\S]*?<\/symbol>/g) ?? []
      return html.replace('<!-- icons -->', `<svg hidden aria-hidden="true">${symbols.join('')}</svg>`)
    },
  }
}
