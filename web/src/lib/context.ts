import { createContext } from 'svelte'
import type { Messenger } from './messenger.svelte'

/** The messenger of the person who is signed in; the shell provides it. */
export const [useMessenger, provideMessenger] = createContext<Messenger>()
