-- Counts one failure: moves the moment when all of them are paid off by one interval.
--
-- KEYS: that moment   ARGV: now, interval (microseconds)

local now, interval = tonumber(ARGV[1]), tonumber(ARGV[2])
local paid_off_at = math.max(now, tonumber(redis.call('GET', KEYS[1]) or 0)) + interval
-- A length, not a moment, so that a server whose clock is ahead locks nobody out for long.
redis.call('SET', KEYS[1], string.format('%.0f', paid_off_at),
  'PX', string.format('%.0f', math.ceil((paid_off_at - now) / 1000)))
return 1
