-- Changes the keyset and its private keys in one step, if they still are what the caller read;
-- '' is a field that is not there. A repeated call is recognised by its attempt.
--
-- KEYS: the store secret, the keyset
-- ARGV: the secret that is known, or ''; attempt; then field, before, after, …

if ARGV[1] ~= '' and redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'foreign' end
if redis.call('HGET', KEYS[2], 'attempt') == ARGV[2] then return 'done' end
for at = 3, #ARGV, 3 do
  if (redis.call('HGET', KEYS[2], ARGV[at]) or '') ~= ARGV[at + 1] then return 'changed' end
end
redis.call('HSET', KEYS[2], 'attempt', ARGV[2])
for at = 3, #ARGV, 3 do
  if ARGV[at + 2] == '' then
    redis.call('HDEL', KEYS[2], ARGV[at])
  else
    redis.call('HSET', KEYS[2], ARGV[at], ARGV[at + 2])
  end
end
return 'done'
