-- A session's record. A million of them are kept, so what is a number lies in one field:
--   p  g generation, b base, n how often all sessions of its subject had been ended when it began,
--      flags (1: short-term, 2: its refresh token is reusable, 4: its client authenticated when
--      it began); then in whole microseconds
--      o when it began; of the current pair: i issued, a access token expires, r refresh token
--      expires; x when the token of generation b expires; those before it have expired by then
--   k  kid of the current pair     t  attempt that last changed it
-- and where there is one:
--   e  why it ended                c  client                        w  scope
-- records.py reads the same. No field may be longer than 64 bytes, or the hash takes thrice the
-- memory (hash-max-listpack-value). A double holds microseconds exactly up to 2^53.

local NUMBERS = '<i4i4I4Bi8i8i8i8i8'
local LEEWAY = 30 * 1000 * 1000

local function read(key)
  local kept = redis.call('HMGET', key, 'p', 'k', 't', 'e', 'c', 'w')
  local record = {p = kept[1], k = kept[2], t = kept[3], e = kept[4], c = kept[5], w = kept[6]}
  if record.p then
    record.g, record.b, record.n, record.flags, record.o, record.i, record.a, record.r, record.x =
      struct.unpack(NUMBERS, record.p)
  end
  return record
end

local function pack(record)
  record.p = struct.pack(NUMBERS, record.g, record.b, record.n, record.flags, record.o, record.i,
    record.a, record.r, record.x)
end

local function answer(outcome, record)
  return {outcome, record.p, record.k, record.c, record.w}
end

local function is_short_term(record) return record.flags % 2 == 1 end

local function is_reusable(record) return record.flags % 4 >= 2 end

local function is_confidential(record) return record.flags >= 4 end

-- How often all sessions of the subject have been ended: subject.lua counts it.
local function ends_of(subject)
  return tonumber(redis.call('HGET', subject, 'ends') or 0)
end

local function all_ended(subject, record)
  return ends_of(subject) ~= record.n
end

-- What a policy says, packed by records.py; 0 is no cap on a session, -1 a recovery without end.
local function policy_of(packed)
  local policy = {}
  policy.access, policy.refresh, policy.short_term, policy.session, policy.grace, policy.recovery =
    struct.unpack('<i8i8i8i8i8i8', packed)
  return policy
end

local function expiries(record, now, policy)
  local access = now + policy.access
  local refresh = now + (is_short_term(record) and policy.short_term or policy.refresh)
  if policy.session > 0 then
    local cap = record.o + policy.session
    access, refresh = math.min(access, cap), math.min(refresh, cap)
  end
  -- Its refresh token never slides, and no access token outlives what the store knows of it.
  if is_reusable(record) then access = math.min(access, record.r or refresh) end
  return access, refresh
end

-- Writes a new current pair, and keeps the session until after its last token expired; the
-- subject's record as well, where there is one.
local function issue(key, subject, record, change)
  local access, refresh = expiries(record, change.now, change.policy)
  record.g, record.b, record.i = change.generation, change.base, change.now
  record.a, record.r, record.x = access, refresh, change.base_expires or refresh
  record.t, record.k = change.attempt, change.kid
  pack(record)
  redis.call('HSET', key, 'p', record.p, 'k', record.k, 't', record.t)
  -- tostring would write 1.7e+12
  local drop_at = string.format('%.0f', math.ceil((math.max(access, refresh) + LEEWAY) / 1000))
  redis.call('PEXPIREAT', key, drop_at)
  if record.n > 0 then redis.call('PEXPIREAT', subject, drop_at, 'GT') end
end
