import { mount } from 'svelte'
import App from './App.svelte'
import './styles/tokens.css'
import './styles/base.css'

const RELOADED_KEY = 'kaif.reloaded'
const RELOAD_EVERY_MS = 60_000

mount(App, { target: document.getElementById('app')! })

// A new version of the client has replaced the file that this one wanted: the page that the server has now knows its own.
addEventListener('vite:preloadError', () => {
  const last = Number(sessionStorage.getItem(RELOADED_KEY) ?? 0)
  if (!navigator.onLine || Date.now() - last < RELOAD_EVERY_MS) return
  sessionStorage.setItem(RELOADED_KEY, String(Date.now()))
  location.reload()
})

if (import.meta.env.PROD && 'serviceWorker' in navigator) {
  void navigator.serviceWorker.register(workerUrl())
}

/** Trusted Types want a policy for a script's address; ours lets one address pass. */
function workerUrl(): string {
  const trustedTypes = (globalThis as { trustedTypes?: TrustedTypePolicyFactory }).trustedTypes
  if (!trustedTypes) return '/sw.js'
  const policy = trustedTypes.createPolicy('kaif-sw', {
    createScriptURL: (url) => (url === '/sw.js' ? url : ''),
  })
  return policy.createScriptURL('/sw.js') as unknown as string
}

interface TrustedTypePolicyFactory {
  createPolicy(
    name: string,
    rules: { createScriptURL(url: string): string },
  ): { createScriptURL(url: string): unknown }
}
