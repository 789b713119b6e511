import process from 'node:process'
import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'vite'
import { icons } from './plugins/icons.js'
import { serviceWorker } from './plugins/service-worker.js'

const server = process.env.KAIF_URL ?? 'http://127.0.0.1:8080'

const FRAMEWORK =
  /node_modules[\\/](svelte|esm-env|clsx|sv-router|virtua|intl-messageformat|@formatjs|openapi-fetch)[\\/]/

export default defineConfig({
  plugins: [svelte(), icons(), serviceWorker()],
  build: {
    target: 'es2022',
    outDir: '../src/kaif/web',
    emptyOutDir: true,
    // The content security policy allows neither data: fonts nor inline scripts.
    assetsInlineLimit: 0,
    // The policy lets scripts in by their nonce alone, so only styles are fetched ahead; scripts import each other.
    // What changes only with a dependency keeps its name, and so its place in the browser's cache, from one version of
    // ours to the next.
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            { name: 'framework', test: FRAMEWORK },
            { name: 'words', test: /src[\\/]locales[\\/]/ },
          ],
        },
      },
    },
    modulePreload: {
      polyfill: false,
      resolveDependencies: (_file, needed) => needed.filter((file) => file.endsWith('.css')),
    },
  },
  server: { proxy: { '/v1': { target: server, ws: true } } },
})
