// Covered pictures that one has asked to see: they stay so while the page is open, wherever their rows come and go.
import { SvelteSet } from 'svelte/reactivity'

export const uncovered = new SvelteSet<string>()
