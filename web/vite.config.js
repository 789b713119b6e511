import process from 'node:process'
import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'vite'
import { icons } from './plugins/icons.js'
import { serviceWorker } from './plugins/service-worker.js'

const server = process.env.KAIF_URL ?? 'http://127.0.0.1:8080'

export default defineConfig({
  plugins: [svelte(), icons(), serviceWorker()],
  build: {
    target: 'es2022',
    outDir: '../src/kaif/web',
    emptyOutDir: true,
    // The content security policy allows neither data: fonts nor inline scripts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: { proxy: { '/v1': { target: server, ws: true } } },
})
