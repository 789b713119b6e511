// The person in between: they are signed in to the server, read what the application wants, and allow it. A browser does
// this by the server's own page; here it is done by the calls that the page makes.

/** The address with which the person comes back from `authorizationUrl`. */
export async function allowedBy(person, authorizationUrl) {
  const query = authorizationUrl.search.slice(1)
  const answer = await fetch(new URL('/v1/auth/authorizations/allow', authorizationUrl), {
    method: 'POST',
    headers: { authorization: `Bearer ${person.accessToken}`, 'content-type': 'application/json' },
    body: JSON.stringify({ query, begun: '', user_id: person.id }),
  })
  const body = await answer.json()
  if (!answer.ok) throw new Error(`${answer.status} ${body.code}`)
  return new URL(body.redirect_to)
}
