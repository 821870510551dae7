-- The subject's record: `not_before` (microseconds: sessions that began then or earlier have
-- ended), `newest` (when its newest session began), and one field per live session: its id, when
-- it began. Strictly monotone, whatever the clocks of the servers say.

-- record: its key; now: microseconds; lifetime: how long at least it must be kept, milliseconds
local function end_all_sessions(record, now, lifetime)
  local known = redis.call('HMGET', record, 'not_before', 'newest')
  local newest = tonumber(known[2] or 0)
  local not_before = math.max(now, newest, tonumber(known[1] or 0))
  local keep_until = math.max(redis.call('PEXPIRETIME', record), math.ceil(now / 1000) + lifetime)
  redis.call('UNLINK', record)
  redis.call('HSET', record, 'not_before', string.format('%.0f', not_before),
    'newest', string.format('%.0f', newest))
  redis.call('PEXPIREAT', record, string.format('%.0f', keep_until))
end
