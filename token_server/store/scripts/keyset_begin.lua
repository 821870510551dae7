-- Makes the first keyset: of all callers, ever, one. Not in a store that has been in use and lost
-- its keyset, unless that is meant. A repeated call is recognised by its attempt.
--
-- KEYS: the store secret, the keyset   ARGV: attempt, 1 if it is meant, then field, value, …

if redis.call('HEXISTS', KEYS[2], 'keyset.json') == 1 then
  return redis.call('HGET', KEYS[2], 'attempt') == ARGV[1] and 'made' or 'there'
end
local used = redis.call('EXISTS', KEYS[1]) == 1 or redis.call('EXISTS', KEYS[2]) == 1
if used and ARGV[2] ~= '1' then return 'used' end
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[2], 'attempt', ARGV[1], unpack(ARGV, 3))
return 'made'
