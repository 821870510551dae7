-- Records the highest counter of the keyset and the revoked keys; nothing is lowered or removed.
--
-- KEYS: the history of the keyset   ARGV: the counter, then field, moment, …

local counter = tonumber(redis.call('HGET', KEYS[1], 'counter') or '0')
if tonumber(ARGV[1]) > counter then redis.call('HSET', KEYS[1], 'counter', ARGV[1]) end
for at = 2, #ARGV, 2 do
  if redis.call('HEXISTS', KEYS[1], ARGV[at]) == 0 then
    redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 1])
  end
end
return 'recorded'
