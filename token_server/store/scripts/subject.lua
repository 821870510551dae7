-- The subject's record is there only once all of its sessions were ended: `ends` says how often. A
-- session remembers how often that was when it began, and has ended where it is not so any more:
-- no clock is asked. The record outlives every session that it ends.

-- record: its key; now: microseconds; lifetime: how long at least it must be kept, milliseconds
local function end_all_sessions(record, now, lifetime)
  redis.call('HINCRBY', record, 'ends', 1)
  local keep_until = math.max(redis.call('PEXPIRETIME', record), math.ceil(now / 1000) + lifetime)
  redis.call('PEXPIREAT', record, string.format('%.0f', keep_until))
end
