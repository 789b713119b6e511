import { mount } from 'svelte'
import App from './App.svelte'
import './styles/tokens.css'
import './styles/base.css'

mount(App, { target: document.getElementById('app')! })

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
