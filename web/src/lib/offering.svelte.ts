// What is offered while one writes: the commands of bots after a slash, the people of the chat after an @. The field
// keeps the focus and moves through it.
import { membersOf } from './administration'
import type { ChatModel } from './chat.svelte'
import { begun, commandsOf, matching, written as asCommand } from './commands'
import { begunMention, namedSo, written as asMention } from './mentions'
import { hasLeft, meet, personOf } from './people.svelte'
import type { BotCommand, Person } from './types'

export type Offer = { kind: 'command'; command: BotCommand } | { kind: 'person'; person: Person }

export interface Writing {
  chat: ChatModel
  me: string
  text: string
  caret: number
  /** A message that stands there is being changed: it gives no command. */
  editing: boolean
}

const ASK_AFTER_MS = 150
const LOOKED_BACK_MAX = 200

export class Offering {
  #place = $state(0)
  /** What was typed when the list was sent away. */
  #dismissed = $state<string>()
  #commands = $state.raw<BotCommand[]>([])
  #members = $state.raw<Person[]>([])
  readonly #writing: () => Writing
  readonly #slash = $derived.by(() => {
    const { text, editing } = this.#writing()
    return editing ? undefined : begun(text)
  })
  readonly #mention = $derived.by(() => {
    const { text, caret } = this.#writing()
    return begunMention(text, caret)
  })
  readonly #name = $derived(this.#mention?.name)
  readonly #commanding = $derived(this.#slash !== undefined)
  readonly offers = $derived.by((): Offer[] => {
    const { chat, me, text } = this.#writing()
    if (this.#dismissed === text) return []
    if (this.#slash !== undefined)
      return matching(this.#commands, this.#slash).map((command) => ({ kind: 'command', command }))
    if (this.#name === undefined) return []
    const people = namedSo([...speakers(chat), ...chat.summary.people, ...this.#members], this.#name, me)
    // What is written out already needs no choice.
    if (people.length === 1 && people[0]!.username.toLocaleLowerCase() === this.#name) return []
    return people.map((person) => ({ kind: 'person', person }))
  })
  readonly active = $derived(Math.min(this.#place, this.offers.length - 1))

  /** While a component is made: it asks as long as that is there. */
  constructor(writing: () => Writing) {
    this.#writing = writing
    // Asked for each time that somebody begins one: bots come and go.
    $effect(() => {
      const { chat } = writing()
      if (!this.#commanding || chat.post !== undefined) return
      this.#begin()
      commandsOf(chat.id).then(
        (found) => (this.#commands = found),
        () => {},
      )
    })
    $effect(() => {
      const { chat } = writing()
      const name = this.#name
      if (name === undefined) return
      this.#begin()
      if (chat.summary.kind !== 'group' || !chat.joined) return
      let stale = false
      const timer = setTimeout(async () => {
        const found = await peopleNamed(chat, name).catch(() => [])
        if (!stale) this.#members = found
      }, ASK_AFTER_MS)
      return () => {
        stale = true
        clearTimeout(timer)
      }
    })
  }

  #begin(): void {
    this.#place = 0
    this.#dismissed = undefined
  }

  /** How the text is after this was chosen, and where the caret goes. */
  chosen(offer: Offer): { text: string; caret: number } {
    const { chat, text, caret } = this.#writing()
    if (offer.kind === 'person') return asMention(text, caret, this.#mention!, offer.person.username)
    const next = asCommand(offer.command, chat.summary.kind === 'group')
    return { text: next, caret: next.length }
  }

  /** True when the key was for the list. */
  pressed(event: KeyboardEvent, choose: (offer: Offer) => void): boolean {
    const { offers, active } = this
    if (!offers.length || event.ctrlKey || event.metaKey || event.altKey) return false
    if (event.key === 'ArrowDown') this.#place = (active + 1) % offers.length
    else if (event.key === 'ArrowUp') this.#place = (active + offers.length - 1) % offers.length
    else if (event.key === 'Escape') this.#dismissed = this.#writing().text
    else if ((event.key === 'Enter' || event.key === 'Tab') && !event.shiftKey) choose(offers[active]!)
    else return false
    event.preventDefault()
    return true
  }
}

/** Who has spoken here, the last one first. */
function speakers(chat: ChatModel): Person[] {
  const ids = new Set<string>()
  for (const entry of chat.entries.slice(-LOOKED_BACK_MAX).reverse())
    if (entry.kind === 'message' && !entry.webhook) ids.add(entry.sender_id)
  return [...ids].flatMap((id) => {
    const person = personOf(id)
    return person && id !== chat.id && !hasLeft(person) ? [person] : []
  })
}

async function peopleNamed({ id }: ChatModel, name: string): Promise<Person[]> {
  const { items } = await membersOf(id, '', name)
  meet(items)
  return items.filter((person) => !hasLeft(person))
}
