-- The state machine of a session: every rule is here, and nothing else decides.
--
-- A session is two counters: generation g, of its current refresh token, and base b, of the token
-- that was shown to get it. A genuine refresh token of generation `shown` leads to
--
--   unknown          no such session
--   misplaced        it is another client's, or a client's while none asks, or its client was
--                    confidential when it began and is public now
--   ended            it has ended: by itself, or with all of its subject's, or it grew too old
--   as before        this very attempt has been here: our own retry after a lost reply
--   expired          it has, for all that the record says, whatever the token itself says: a
--                    thief of a signing key may have written that
--   widened          more scope is asked for than it has (RFC 6749 §6)
--   kept             it is reusable                  nothing: an access token is due, and the
--                                                    refresh token stays as it is
--   rotated          shown = g                       b = shown, g = shown + 1
--   rolled_forward   shown > g: the store lost       b = shown, g = shown + 1
--                    writes; only we can have made it
--   repeated         shown = b, in the grace period  nothing: the client lost the answer, or raced
--                                                    itself, and gets the current pair again
--                    or spent before b, arrived     (two seconds before at most, and within the
--                    before the current pair was    grace period)
--                    issued
--   recovered        shown = b, later, in the        g = g + 1: the successor was never shown, so
--                    recovery period                 it never arrived; it is void from now on
--   late             arrived longer before that      nothing: it may be tried again
--   reused           anything else                   the session ends, or where its client's
--   refused                                          policy is the milder one: nothing
--
-- Order is by counters, never by time: clocks of servers differ, and seconds are coarse. Time only
-- tells late from reused: a request that was overtaken on its way, while the client asked again and
-- went on, is no theft; who stole a token comes after.
--
-- KEYS: session, subject record
-- ARGV: shown, now (when the request arrived), attempt, kid, policy, client, scope asked for (''
--   where there is none), on reuse ('end', 'refuse'), '1' if the client is public, '1' to say what it
--   would lead to, and change nothing

-- Nobody waits for the store longer than this.
local OVERTAKEN = 2 * 1000 * 1000

local shown, now, attempt, kid = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], ARGV[4]
local policy = policy_of(ARGV[5])

local function widens(asked, granted)
  local within = ' ' .. (granted or '') .. ' '
  for name in string.gmatch(asked, '[^ ]+') do
    if not string.find(within, ' ' .. name .. ' ', 1, true) then return true end
  end
  return false
end

local only_says = ARGV[10] == '1'
local record = read(KEYS[1])
if not record.p then return {'unknown'} end
if (record.c or '') ~= ARGV[6] then return {'misplaced'} end
if ARGV[9] == '1' and is_confidential(record) then return {'misplaced'} end
if record.e then
  if record.e == 'reuse' and record.t == attempt then return {'reused'} end
  return {'ended', record.e}
end
if all_ended(KEYS[2], record) then return {'ended', 'all_ended'} end
if policy.session > 0 and now >= record.o + policy.session then return {'ended', 'lifetime'} end

local g, b, issued = record.g, record.b, record.i
if record.t == attempt then
  return answer(g > b + 1 and 'recovered' or 'rotated', record)
end
if now >= record.r then return {'expired'} end
if shown < g and now >= record.x then return {'expired'} end
if widens(ARGV[7], record.w) then return {'widened'} end

local function hand_out(outcome, generation, base, base_expires)
  if only_says then return answer(outcome, record) end
  issue(KEYS[1], KEYS[2], record, {generation = generation, base = base, now = now,
    base_expires = base_expires, attempt = attempt, kid = kid, policy = policy})
  return answer(outcome, record)
end

if is_reusable(record) and shown >= g then
  local access = expiries(record, now, policy)
  record.i, record.a, record.k = now, access, kid
  pack(record)
  return answer('kept', record)
end
if shown == g then return hand_out('rotated', g + 1, g, record.r) end
-- What was recorded of its expiry is among the lost writes: no later than that of its successor.
if shown > g then return hand_out('rolled_forward', shown + 1, shown) end
if shown == b then
  local since = math.max(0, now - issued)
  if since < policy.grace then return answer('repeated', record) end
  if policy.recovery < 0 or since < policy.recovery then
    return hand_out('recovered', g + 1, b, record.x)
  end
end
if now < issued then
  if issued - now < math.min(policy.grace, OVERTAKEN) then return answer('repeated', record) end
  return {'late'}
end
if ARGV[8] == 'refuse' then return {'refused'} end
if only_says then return {'reused'} end
redis.call('HSET', KEYS[1], 'e', 'reuse', 't', attempt)
return {'reused'}
