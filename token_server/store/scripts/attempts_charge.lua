-- Counts one attempt, unless the key has to wait: answers for how long, or 0.
--
-- Kept is one moment: when all that was counted is paid off, one interval each.
-- KEYS: that moment   ARGV: now, interval, tolerance (microseconds)

local now, interval, tolerance = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local paid_off_at = math.max(now, tonumber(redis.call('GET', KEYS[1]) or 0))
local wait = paid_off_at - tolerance - now
if wait > 0 then return string.format('%.0f', wait) end
paid_off_at = paid_off_at + interval
-- A length, not a moment, so that a server whose clock is ahead locks nobody out for long.
redis.call('SET', KEYS[1], string.format('%.0f', paid_off_at),
  'PX', string.format('%.0f', math.ceil((paid_off_at - now) / 1000)))
return '0'
