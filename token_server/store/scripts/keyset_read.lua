-- What is kept of the keyset. A server names the store secret that it knows, so that it never
-- goes by the keyset of another store. Where there is no secret any more, it leaves a word that
-- the store was emptied: whoever starts next must not take it for a new one.
--
-- KEYS: the store secret, the keyset   ARGV: the secret that is known, or ''

local secret = redis.call('GET', KEYS[1])
if ARGV[1] ~= '' and secret ~= ARGV[1] then
  if not secret then redis.call('HSET', KEYS[2], 'emptied', 1) end
  return 'foreign'
end
return redis.call('HGETALL', KEYS[2])
