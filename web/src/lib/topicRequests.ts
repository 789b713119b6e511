// What is asked of the server about topics.
import { api, ok } from './api'
import { topicOf } from './topics'
import type { Chat, Person, Topic } from './types'

export interface TopicLook {
  title: string
  icon: string
  colour: number
}
export type TopicChange = Partial<TopicLook> & {
  chosen_only?: boolean
  closed?: boolean
  hidden?: boolean
  pinned?: boolean
}

export async function switchTopics(chat_id: string, on: boolean): Promise<Chat> {
  const params = { path: { chat_id } }
  return ok(api.POST('/v1/messaging/chats/{chat_id}/topics-switch', { params, body: { on } }))
}

export async function makeTopic(chat_id: string, look: TopicLook, ref: string): Promise<Topic> {
  const params = { path: { chat_id } }
  return ok(api.POST('/v1/messaging/chats/{chat_id}/topics', { params, body: { ...look, ref } }))
}

const of = ({ chat_id, id }: Topic) => ({ params: { path: { chat_id, topic_id: id } } })

export async function changeTopic(topic: Topic, change: TopicChange): Promise<Topic> {
  return ok(api.POST('/v1/messaging/chats/{chat_id}/topics/{topic_id}', { ...of(topic), body: change }))
}

export async function muteTopic(topic: Topic, until: string): Promise<Topic> {
  return ok(
    api.POST('/v1/messaging/chats/{chat_id}/topics/{topic_id}/mute', { ...of(topic), body: { until } }),
  )
}

export async function restrictedIn(topic: Topic): Promise<Person[]> {
  return (await ok(api.GET('/v1/messaging/chats/{chat_id}/topics/{topic_id}/restricted', of(topic)))).people
}

export async function restrictIn(topic: Topic, user_id: string, restricted: boolean): Promise<void> {
  const body = { user_id, restricted }
  await ok(api.POST('/v1/messaging/chats/{chat_id}/topics/{topic_id}/restricted', { ...of(topic), body }))
}

export async function deleteTopic(topic: Topic): Promise<void> {
  await ok(api.DELETE('/v1/messaging/chats/{chat_id}/topics/{topic_id}', of(topic)))
}

export async function chosenIn(topic: Topic): Promise<Person[]> {
  return (await ok(api.GET('/v1/messaging/chats/{chat_id}/topics/{topic_id}/chosen', of(topic)))).people
}

export async function chooseIn(topic: Topic, user_id: string, may_write: boolean): Promise<void> {
  const body = { user_id, may_write }
  await ok(api.POST('/v1/messaging/chats/{chat_id}/topics/{topic_id}/chosen', { ...of(topic), body }))
}

export async function moveMessages(chat_id: string, seqs: number[], topic_id: number): Promise<void> {
  const params = { path: { chat_id } }
  await ok(api.POST('/v1/messaging/chats/{chat_id}/messages/move', { params, body: { seqs, topic_id } }))
}

/** The topic of a message that one only has the place of. */
export async function topicAt(chat_id: string, seq: number): Promise<number> {
  const params = { path: { chat_id, seq } }
  return topicOf(await ok(api.GET('/v1/messaging/chats/{chat_id}/messages/{seq}', { params })))
}
