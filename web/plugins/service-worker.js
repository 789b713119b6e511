import { createHash } from 'node:crypto'
import { readFileSync, readdirSync } from 'node:fs'

const SOURCE = 'src/service-worker.js'
/** Of no use without a network, and large. */
const ONLINE_ONLY = /^assets\/hls/

/**
 * Emits /sw.js: our worker with the list of files that make the client open without a network.
 * @returns {import('vite').Plugin}
 */
export function serviceWorker() {
  return {
    name: 'kaif-service-worker',
    apply: 'build',
    enforce: 'post',
    generateBundle(_options, bundle) {
      const built = Object.keys(bundle).filter(
        (name) => name.startsWith('assets/') && !ONLINE_ONLY.test(name),
      )
      const files = ['/', ...[...built, ...readdirSync('public')].sort().map((name) => `/${name}`)]
      const version = createHash('sha256')
        .update(files.join())
        .update(unhashedBytes())
        .digest('hex')
        .slice(0, 12)
      const source = readFileSync(SOURCE, 'utf8')
        .replace('__VERSION__', version)
        .replace('__FILES__', JSON.stringify(files))
      this.emitFile({ type: 'asset', fileName: 'sw.js', source })
    },
  }
}

// Files in assets/ carry a hash in their names; these do not, so their bytes make the version.
function unhashedBytes() {
  const paths = ['index.html', SOURCE, ...readdirSync('public').map((name) => `public/${name}`)]
  return Buffer.concat(paths.map((path) => readFileSync(path)))
}
