-- A session's record, in one-letter fields (a million of them are kept):
--   g generation   b base             t attempt that last changed it   e why it ended, if it did
--   s short-term?  o when it began    k kid of the current pair
--   i issued, a access token expires, r refresh token expires: the current pair's moments
--   x when the token of generation b expires; those before it have expired by then
-- and where there is one:
--   c client           w scope            u '1': the refresh token is reusable
-- Moments and lengths are whole microseconds; a double holds them exactly up to 2^53.

local LEEWAY = 30 * 1000 * 1000

local function whole(number)
  return string.format('%.0f', number) -- tostring would write 1.7e+15
end

local function read(key)
  local names = {'g', 'b', 't', 'e', 's', 'o', 'k', 'i', 'a', 'r', 'x', 'c', 'w', 'u'}
  local values = redis.call('HMGET', key, unpack(names))
  local record = {}
  for at, name in ipairs(names) do record[name] = values[at] end
  return record
end

local function answer(outcome, record)
  return {outcome, record.g, record.b, record.s, record.o, record.i, record.a, record.r, record.k,
    record.c, record.w, record.u}
end

local function all_ended(subject, began)
  local not_before = redis.call('HGET', subject, 'not_before')
  return not_before and tonumber(began) <= tonumber(not_before)
end

-- lengths: access token, refresh token, short-term refresh token, session (0: no cap)
local function expiries(record, now, lengths)
  local access, refresh = now + lengths[1], now + lengths[record.s == '1' and 3 or 2]
  if lengths[4] > 0 then
    local cap = tonumber(record.o) + lengths[4]
    access, refresh = math.min(access, cap), math.min(refresh, cap)
  end
  -- Its refresh token never slides, and no access token outlives what the store knows of it.
  if record.u then access = math.min(access, tonumber(record.r or refresh)) end
  return access, refresh
end

-- Writes a new current pair, and keeps session and subject until after its last token expired.
local function issue(key, subject, record, change)
  local access, refresh = expiries(record, change.now, change.lengths)
  record.g, record.b = whole(change.generation), whole(change.base)
  record.t, record.k, record.i = change.attempt, change.kid, whole(change.now)
  record.a, record.r = whole(access), whole(refresh)
  record.x = change.base_expires or record.r
  redis.call('HSET', key, 'g', record.g, 'b', record.b, 't', record.t, 'k', record.k,
    'i', record.i, 'a', record.a, 'r', record.r, 'x', record.x)
  local drop_at = whole(math.ceil((math.max(access, refresh) + LEEWAY) / 1000))
  redis.call('PEXPIREAT', key, drop_at)
  -- To GT, a record that has no expiry yet expires never.
  if redis.call('PEXPIREAT', subject, drop_at, 'GT') == 0 and redis.call('PTTL', subject) == -1 then
    redis.call('PEXPIREAT', subject, drop_at)
  end
end
